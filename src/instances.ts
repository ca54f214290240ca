/** What is known of a task → its instances: one record per reachable port. Pure. */
import type { TaskRecord } from "./correlate.ts";
import { declaredEndpoints, undeclaredEndpoints } from "./declared.ts";
import { type Endpoint, type EndpointWishes, endpointsOf } from "./endpoints.ts";
import { isRequested, type LabelReader, readLabels, toServiceName } from "./labels.ts";
import type {
  AddressedFact,
  DefinedFact,
  Health,
  Instance,
  InstanceState,
  Metadata,
  PortDeclaration,
} from "./model.ts";

export interface TaskInstances {
  readonly instances: readonly Instance[];
  /**
   * Whether the facts suffice to say what should be registered. While they don't (a definition is still being read),
   * what is registered already is left as it is; a fact that says "not now" (unhealthy, stopping) settles it at once.
   */
  readonly settled: boolean;
}

/** What labels say of a task as a whole; null while its definition is not known. */
export function taskMetadata({ definition, inherited }: TaskRecord): Metadata | null {
  return definition === null ? null : readerOf(definition, inherited).task;
}

/** Labels are parsed once per definition, not once per fact: definitions are replaced, never changed. */
const readers = new WeakMap<DefinedFact, { inherited: DefinedFact | null; reader: LabelReader }>();

/**
 * @param awaitsInherited whether what a task inherits is told by a source of its own (a swarm's managers): until it has,
 *   the task's own definition says too little, and what is registered by its service's labels must not be changed
 */
export function instancesOf(given: TaskRecord, awaitsInherited = false): TaskInstances {
  const isOrphan = awaitsInherited && given.assigned.inherits !== null && given.inherited === null;
  const record = isOrphan ? { ...given, definition: null } : given;
  const { definition } = record;
  if (record.status === "stopped") return { instances: [], settled: true };
  const health = healthOf(record);
  const settled = isWithheld(record, health) || isKnown(record, health);
  if (definition === null) return { instances: undefinedInstances(record, health), settled };
  const reader = readerOf(definition, record.inherited);
  const endpoints = candidatesOf(record, definition, reader).filter((endpoint) =>
    isExposed(definition, reader.forPort(labelPort(endpoint))),
  );
  const instances = endpoints.map((endpoint, index) => ({
    ...gated(common(record, health, endpoint), reader.task),
    ...described(definition, reader, endpoint, endpoints),
    id: idOf(record, endpoints, index),
  }));
  return { instances, settled };
}

/** Marks what only waits for its health check, where that waits for a registry. */
function gated(instance: Instance, { readinessGate }: Metadata): Instance {
  const { health, missing } = instance;
  const awaits = readinessGate && health === "unknown" && missing.length === 1 && missing[0] === "health";
  return awaits ? { ...instance, awaitsRegistry: true } : instance;
}

function candidatesOf(record: TaskRecord, definition: DefinedFact, reader: LabelReader): readonly Endpoint[] {
  const { addressed, node } = record;
  if (addressed === null) return [UNADDRESSED];
  const { ports } = definition;
  if (ports === undefined || addressed.allocated === undefined) {
    const ingress = record.inherited?.ingress ?? addressed.ingress;
    return endpointsOf(addressed, wishes(reader), node?.address ?? null, ingress);
  }
  return declaredEndpoints(ports, addressed.allocated);
}

/** The port number by which label keys (`muster.PORT.KEY`) and names (`NAME-PORT`) mean an endpoint. */
function labelPort({ containerPort, servicePort, port }: Endpoint): number | null {
  return containerPort ?? servicePort ?? port;
}

/** Stands for the endpoints of a task whose addresses are not known yet. */
const UNADDRESSED: Endpoint = {
  key: null,
  containerPort: null,
  protocol: "tcp",
  address: null,
  port: null,
  servicePort: null,
  portName: null,
  mesh: false,
  missing: ["address", "port"],
  notes: [],
};

/** Where nothing is published, a port that has labels of its own is as good as named by `muster.port`. */
function wishes(reader: LabelReader): EndpointWishes {
  const { network, ports } = reader.task;
  const labelled = reader.labelledPorts.map((port) => ({ port, protocol: "tcp" as const }));
  return { network, ports: ports.length > 0 ? ports : labelled, asked: reader.requested };
}

function isExposed(definition: DefinedFact, metadata: Metadata): boolean {
  return metadata.enable !== false && (definition.expose === "published" || isRequested(metadata));
}

function readerOf(definition: DefinedFact, inherited: DefinedFact | null): LabelReader {
  const held = readers.get(definition);
  if (held !== undefined && held.inherited === inherited) return held.reader;
  const { labels, environment, ports = [] } = definition;
  const own = Object.fromEntries(ports.flatMap(portLabels));
  const reader = readLabels({ labels: { ...labels, ...own }, environment, defaults: inherited?.labels ?? {} });
  readers.set(definition, { inherited, reader });
  return reader;
}

/** A port declaration's labels are what `muster.PORT.KEY` says on the app, and beat it. */
function portLabels({ containerPort, servicePort, labels }: PortDeclaration): readonly (readonly [string, string])[] {
  const port = containerPort ?? servicePort;
  return Object.entries(labels).map(
    ([key, value]) => [port === null ? key : key.replace(/^muster\.(?!\d+\.)/, `muster.${port}.`), value] as const,
  );
}

function healthOf({ definition, health }: TaskRecord): Health {
  const checked = definition?.healthChecked ?? false;
  if (health === null || health === "none") return checked ? "unknown" : "none";
  return health;
}

/** What a definition and its labels say of one endpoint. */
function described(definition: DefinedFact, reader: LabelReader, endpoint: Endpoint, all: readonly Endpoint[]) {
  const metadata = reader.forPort(labelPort(endpoint));
  return {
    service: serviceOf(definition, metadata, endpoint, all),
    version: definition.version,
    image: definition.image,
    tags: metadata.tags,
    meta: metadata.meta,
    routes: metadata.routes,
    weight: metadata.weight,
    checks: metadata.checks,
    albTargetGroups: metadata.albTargetGroups,
    drain: metadata.drain,
    app: definition.app,
    named: metadata.name !== null,
    notes: [...endpoint.notes, ...reader.problems],
  };
}

/**
 * `task:port`, with `:udp` and the like where it isn't tcp. The port is one that stays the same for as long as the task
 * lives: Docker's container port (ephemeral host ports change at every restart, facts/docker-swarm.md §3), or the host
 * port of a task that is given one for good (Marathon). A second binding of one container port has its host port as well.
 * A port of the routing mesh is `service@node:port`, the same for all tasks of that service on that node.
 */
function idOf({ task, assigned }: TaskRecord, endpoints: readonly Endpoint[], index: number): string {
  const endpoint = endpoints[index];
  if (endpoint === undefined || endpoint.key === null) return task;
  const { key, port, protocol, mesh } = endpoint;
  const suffix = protocol === "tcp" ? "" : `:${protocol}`;
  if (mesh) return `${assigned.inherits ?? assigned.definition}@${assigned.node}:${port}${suffix}`;
  const first = endpoints.findIndex((other) => other.key === key && other.protocol === protocol);
  return first < index ? `${task}:${key}:${port ?? index}${suffix}` : `${task}:${key}${suffix}`;
}

/** Several ports: `NAME-PORT` for all but a port that names itself (contract 5.3). */
function serviceOf(definition: DefinedFact, metadata: Metadata, endpoint: Endpoint, all: readonly Endpoint[]): string {
  const name = metadata.name ?? toServiceName(definition.name);
  if (metadata.nameIsPorts) return name;
  const suffix = portSuffix(endpoint);
  return new Set(all.map(portSuffix)).size > 1 && suffix !== null ? toServiceName(`${name}-${suffix}`) : name;
}

/** A host port that the orchestrator chose says nothing to anyone, so a port's name is better. */
function portSuffix({ containerPort, servicePort, portName, port }: Endpoint): number | string | null {
  return containerPort ?? servicePort ?? portName ?? port;
}

function stateOf({ status }: TaskRecord, missing: readonly string[]): InstanceState {
  if (status === "stopping") return "draining";
  return missing.length === 0 ? "ready" : "pending";
}

function missingOf(record: TaskRecord, health: Health): readonly string[] {
  const missing: string[] = [];
  if (record.definition === null) missing.push("definition");
  if (record.status !== "running") missing.push("status");
  if (health !== "passing" && health !== "none") missing.push("health");
  return missing;
}

/** Whether a fact says that it must not be registered now, however incomplete the rest. */
function isWithheld({ status }: TaskRecord, health: Health): boolean {
  return (status !== null && status !== "running") || health === "failing";
}

function isKnown({ status, node, definition, addressed, health: seen }: TaskRecord, health: Health): boolean {
  if (status === null || definition === null || addressed === null) return false;
  if (node === null && addressed.allocated === undefined) return false;
  return health !== "unknown" || seen !== null;
}

/** Records for a task whose definition is not known yet: its endpoints, as far as they are known, under no name. */
function undefinedInstances(record: TaskRecord, health: Health): readonly Instance[] {
  const known = record.addressed === null ? [] : undeclared(record.addressed, record.node?.address ?? null);
  const endpoints = known.length > 0 ? known : [UNADDRESSED];
  return endpoints.map((endpoint, index) => ({
    ...common(record, health, endpoint),
    id: idOf(record, endpoints, index),
  }));
}

function undeclared(addressed: AddressedFact, nodeAddress: string | null): readonly Endpoint[] {
  if (addressed.allocated !== undefined) return undeclaredEndpoints(addressed.allocated);
  return endpointsOf(addressed, { network: null, ports: [], asked: false }, nodeAddress);
}

/** What holds for an endpoint whatever its definition says. */
function common(record: TaskRecord, health: Health, endpoint: Endpoint): Instance {
  const missing = [...endpoint.missing, ...missingOf(record, health)];
  const { address, port, protocol, containerPort, servicePort, portName } = endpoint;
  return {
    id: record.task,
    service: record.assigned.definition,
    source: record.source,
    task: record.task,
    node: record.assigned.node,
    address,
    port,
    protocol,
    containerPort,
    servicePort,
    portName,
    state: stateOf(record, missing),
    health,
    missing,
    version: null,
    created: record.assigned.created ?? null,
    image: null,
    tags: [],
    meta: {},
    routes: [],
    weight: null,
    checks: [],
    albTargetGroups: [],
    drain: null,
    app: record.assigned.definition,
    named: false,
    notes: [],
  };
}
