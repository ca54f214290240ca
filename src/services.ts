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

/** @param mayUse whether a definition may stand for a service of this name (`policy.claims`) */
export function servicesOf(
  definitions: Iterable<DefinedFact>,
  mayUse: (definition: DefinedFact, service: string) => boolean,
): Services {
  const exact = new Map<string, Set<DefinedFact>>();
  const bases = new Map<string, Set<DefinedFact>>();
  for (const definition of definitions) {
    const names = namesOf(definition);
    for (const name of names.exact) addTo(exact, name, definition);
    for (const base of names.bases) addTo(bases, base, definition);
  }
  return {
    has(service) {
      const named = [...(exact.get(service) ?? []), ...(bases.get(service) ?? []), ...withPort(service, bases)];
      return named.some((definition) => mayUse(definition, service));
    },
  };
}

/** Those of which it is the name with a port's number or name at its end. */
function withPort(service: string, bases: ReadonlyMap<string, ReadonlySet<DefinedFact>>): readonly DefinedFact[] {
  const found: DefinedFact[] = [];
  for (let at = service.indexOf("-"); at > 0; at = service.indexOf("-", at + 1)) {
    const suffix = service.slice(at + 1);
    const isNumber = /^\d+$/.test(suffix);
    for (const definition of bases.get(service.slice(0, at)) ?? [])
      if (isNumber || namesOf(definition).portNames.includes(suffix)) found.push(definition);
  }
  return found;
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

function addTo(groups: Map<string, Set<DefinedFact>>, name: string, definition: DefinedFact): void {
  const held = groups.get(name);
  if (held === undefined) groups.set(name, new Set([definition]));
  else held.add(definition);
}
