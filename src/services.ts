/** Which services exist, going by their definitions: also those without any instance at the moment. Pure. */
import { isRequested, type LabelReader, readLabels, toServiceName } from "./labels.ts";
import type { DefinedFact, Metadata } from "./model.ts";

export interface Services {
  /** Whether there is a definition of a service of this name, with or without instances. */
  has(service: string): boolean;
}

/** Service names that a definition stands for. */
interface Names {
  readonly exact: readonly string[];
  /** Names that take a port's number or name as a suffix, where a task has several ports (contract 5.3). */
  readonly bases: readonly string[];
  readonly portNames: readonly string[];
}

/** Labels are parsed once per definition: definitions are replaced, never changed. */
const known = new WeakMap<DefinedFact, Names>();

export function servicesOf(definitions: Iterable<DefinedFact>): Services {
  const exact = new Set<string>();
  /** Base → the suffixes, besides numbers. */
  const bases = new Map<string, Set<string>>();
  for (const definition of definitions) {
    const names = namesOf(definition);
    for (const name of names.exact) exact.add(name);
    for (const base of names.bases) addTo(bases, base, names.portNames);
  }
  return { has: (service) => exact.has(service) || bases.has(service) || isPortOf(service, bases) };
}

function isPortOf(service: string, bases: ReadonlyMap<string, ReadonlySet<string>>): boolean {
  for (let at = service.indexOf("-"); at > 0; at = service.indexOf("-", at + 1)) {
    const suffix = service.slice(at + 1);
    const names = bases.get(service.slice(0, at));
    if (names !== undefined && (/^\d+$/.test(suffix) || names.has(suffix))) return true;
  }
  return false;
}

function namesOf(definition: DefinedFact): Names {
  const held = known.get(definition);
  if (held !== undefined) return held;
  const names = readNames(definition);
  known.set(definition, names);
  return names;
}

function readNames(definition: DefinedFact): Names {
  const { labels, environment, ports = [] } = definition;
  const reader = readLabels({ labels, environment, defaults: {} });
  const exposed = (metadata: Metadata) =>
    metadata.enable !== false && (definition.expose === "published" || isRequested(metadata));
  const all = [reader.task, ...portsOf(reader, definition)].filter(exposed);
  const nameOf = ({ name }: Metadata) => name ?? toServiceName(definition.name);
  return {
    exact: [
      ...all.filter(({ nameIsPorts }) => nameIsPorts).map(nameOf),
      ...ports.flatMap((port) => port.labels["muster.name"] ?? []),
    ],
    bases: all.filter(({ nameIsPorts }) => !nameIsPorts).map(nameOf),
    portNames: ports.flatMap(({ name }) => (name === null ? [] : [toServiceName(name)])),
  };
}

function portsOf(reader: LabelReader, { ports = [] }: DefinedFact): readonly Metadata[] {
  const declared = ports.flatMap(({ containerPort, servicePort }) => containerPort ?? servicePort ?? []);
  return [...new Set([...reader.labelledPorts, ...declared])].map((port) => reader.forPort(port));
}

function addTo(bases: Map<string, Set<string>>, base: string, suffixes: readonly string[]): void {
  const held = bases.get(base) ?? new Set<string>();
  for (const suffix of suffixes) held.add(suffix);
  bases.set(base, held);
}
