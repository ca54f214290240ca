/** Which services exist, going by their definitions: also those without any instance at the moment. Pure. */
import type { UsedDefinition } from "./correlate.ts";
import { isRequested, type LabelReader, readLabels, toServiceName } from "./labels.ts";
import type { DefinedFact, Metadata } from "./model.ts";

export interface Services {
  /** Whether there is a definition of a service of this name, with or without instances. */
  has(service: string): boolean;
}

/** Service names that a definition stands for. */
interface Names {
  readonly definition: DefinedFact;
  readonly exact: readonly string[];
  /** Names that take a port's number or name as a suffix, where a task has several ports (contract 5.3). */
  readonly bases: readonly string[];
  readonly portNames: readonly string[];
}

/** Labels are parsed once per definition: definitions are replaced, never changed. */
const known = new WeakMap<DefinedFact, { readonly inherited: DefinedFact | null; readonly names: Names }>();

/** @param mayUse whether a definition may stand for a service of this name (`policy.claims`) */
export function servicesOf(
  definitions: Iterable<UsedDefinition>,
  mayUse: (definition: DefinedFact, service: string) => boolean,
): Services {
  const exact = new Map<string, Set<Names>>();
  const bases = new Map<string, Set<Names>>();
  for (const used of definitions) {
    const names = namesOf(used);
    for (const name of names.exact) addTo(exact, name, names);
    for (const base of names.bases) addTo(bases, base, names);
  }
  return {
    has(service) {
      const named = [...(exact.get(service) ?? []), ...(bases.get(service) ?? []), ...withPort(service, bases)];
      return named.some(({ definition }) => mayUse(definition, service));
    },
  };
}

/** Those of which it is the name with a port's number or name at its end. */
function withPort(service: string, bases: ReadonlyMap<string, ReadonlySet<Names>>): readonly Names[] {
  const found: Names[] = [];
  for (let at = service.indexOf("-"); at > 0; at = service.indexOf("-", at + 1)) {
    const suffix = service.slice(at + 1);
    const isNumber = /^\d+$/.test(suffix);
    for (const names of bases.get(service.slice(0, at)) ?? [])
      if (isNumber || names.portNames.includes(suffix)) found.push(names);
  }
  return found;
}

function namesOf({ definition, inherited }: UsedDefinition): Names {
  const held = known.get(definition);
  if (held !== undefined && held.inherited === inherited) return held.names;
  const names = readNames(definition, inherited);
  known.set(definition, { inherited, names });
  return names;
}

/** Of a swarm's container by its service's labels as well: where those name it, it does not stand for the service's own name. */
function readNames(definition: DefinedFact, inherited: DefinedFact | null): Names {
  const { labels, environment, ports = [] } = definition;
  const reader = readLabels({ labels, environment, defaults: inherited?.labels ?? {} });
  const exposed = (metadata: Metadata) =>
    metadata.enable !== false && (definition.expose === "published" || isRequested(metadata));
  const all = [reader.task, ...portsOf(reader, definition)].filter(exposed);
  const nameOf = ({ name }: Metadata) => name ?? toServiceName(definition.name);
  return {
    definition,
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

function addTo(groups: Map<string, Set<Names>>, name: string, names: Names): void {
  const held = groups.get(name);
  if (held === undefined) groups.set(name, new Set([names]));
  else held.add(names);
}
