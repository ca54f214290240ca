/** Instances → the rows of the board: services, and the instances of those that are open. Pure. */
import type { InstanceView } from "../../src/http/view.ts";
import {
  type CellState,
  type Counts,
  cellState,
  endpointText,
  NO_COUNTS,
  type State,
  stateOf,
  worstOf,
} from "./states.ts";

export interface Service {
  readonly name: string;
  /** Those that the filter takes, failures first. */
  readonly instances: readonly InstanceView[];
  readonly counts: Counts;
  readonly nodes: number;
  /** By registry: how many of the instances are in which state there. */
  readonly cells: Readonly<Record<string, Readonly<Partial<Record<CellState, number>>>>>;
}

export interface Filter {
  /** Words that must all be found somewhere in an instance. */
  readonly query: string;
  /** null: all. */
  readonly state: State | null;
}

export type Row =
  | { readonly kind: "service"; readonly key: string; readonly service: Service; readonly isOpen: boolean }
  | { readonly kind: "instance"; readonly key: string; readonly instance: InstanceView };

const RANK: Readonly<Record<State, number>> = { failed: 0, pending: 1, draining: 2, registered: 3 };

/** Failures first, then what waits, then by name. */
export function servicesOf(
  instances: Iterable<InstanceView>,
  registries: readonly string[],
  filter: Filter,
): readonly Service[] {
  const words = filter.query.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Map<string, InstanceView[]>();
  for (const instance of instances) {
    if (filter.state !== null && stateOf(instance) !== filter.state) continue;
    if (words.length > 0 && !hasWords(instance, words)) continue;
    const group = groups.get(instance.service);
    if (group === undefined) groups.set(instance.service, [instance]);
    else group.push(instance);
  }
  return [...groups].map(([name, group]) => serviceOf(name, group, registries)).toSorted(byUrgency);
}

function byUrgency(a: Service, b: Service): number {
  return RANK[worstOf(a.counts)] - RANK[worstOf(b.counts)] || byText(a.name, b.name);
}

function byText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function serviceOf(name: string, group: readonly InstanceView[], registries: readonly string[]): Service {
  const states = new Map(group.map((instance) => [instance, stateOf(instance)]));
  const rank = (instance: InstanceView) => RANK[states.get(instance) ?? "registered"];
  const instances = group.toSorted((a, b) => rank(a) - rank(b) || byText(a.id, b.id));
  const cells = registries.map((registry) => [registry, tally(group.map((each) => cellState(each, registry)))]);
  return {
    name,
    instances,
    counts: { ...NO_COUNTS, ...tally([...states.values()]) },
    nodes: new Set(group.map(({ node }) => node)).size,
    cells: Object.fromEntries(cells),
  };
}

function tally<S extends string>(states: readonly S[]): Partial<Record<S, number>> {
  const counts: Partial<Record<S, number>> = {};
  for (const state of states) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

export function countStates(instances: Iterable<InstanceView>): Counts {
  const counts = { ...NO_COUNTS };
  for (const instance of instances) counts[stateOf(instance)]++;
  return counts;
}

/** What an instance can be found by; kept, since records never change, only their place in the list is taken by others. */
const haystacks = new WeakMap<InstanceView, string>();

function hasWords(instance: InstanceView, words: readonly string[]): boolean {
  let haystack = haystacks.get(instance);
  if (haystack === undefined) {
    haystack = haystackOf(instance);
    haystacks.set(instance, haystack);
  }
  return words.every((word) => haystack.includes(word));
}

function haystackOf(instance: InstanceView): string {
  const { service, task, id, node, image, version, tags, source, portName, missing } = instance;
  const texts = [service, task, id, node, image, version, source, portName, endpointText(instance), stateOf(instance)];
  return [...texts, ...tags, ...missing].join("\n").toLowerCase();
}

/** So few matches of a search are shown at once. */
const OPENS_BY_ITSELF = 30;

/** @param toggled services that somebody opened, or closed where they are open by themselves */
export function rowsOf(services: readonly Service[], filter: Filter, toggled: ReadonlySet<string>): readonly Row[] {
  const matches = services.reduce((sum, { instances }) => sum + instances.length, 0);
  const opens = (filter.query.trim() !== "" || filter.state !== null) && matches <= OPENS_BY_ITSELF;
  return services.flatMap((service): readonly Row[] => {
    const isOpen = toggled.has(service.name) !== opens;
    const row: Row = { kind: "service", key: `service ${service.name}`, service, isOpen };
    if (!isOpen) return [row];
    return [row, ...service.instances.map((instance): Row => ({ kind: "instance", key: instance.id, instance }))];
  });
}
