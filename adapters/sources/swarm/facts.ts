/**
 * What a manager's reading says, as facts. Pure. Only what is sure is said: of several sources the worst status is
 * believed, so that a manager's late `starting` must never hold back a container that its own engine knows to run.
 */
import { isIP } from "node:net";
import type { DefinedFact, IngressPort, NetworkAttachment, PortBinding, Protocol } from "../../../src/model.ts";
import type { Content } from "../stamps.ts";
import { type Told, toldIn, toldToTasks } from "./containers.ts";
import type { Reading } from "./reading.ts";
import type { Attachment, Node, PublishedPort, Service, Task } from "./shapes.ts";

/** For whom it is said. */
export interface Audience {
  /** Id of the node whose own engine tells the rest; null: for the leader, who is told everything of all nodes. */
  readonly node: string | null;
  /** See `DefinedFact`. */
  readonly expose: DefinedFact["expose"];
}

/** Something said of one service, node or task. */
export interface Saying {
  /** What it is said of, and of which kind: the next saying with this key replaces it. */
  readonly key: string;
  /** null: of a service or node. */
  readonly task: string | null;
  readonly content: Content;
}

export function sayingsOf(reading: Reading, audience: Audience): readonly Saying[] {
  const { nodes, services } = reading;
  const tasks = reading.tasks.filter((task) => concerns(task, audience) && phaseOf(task) !== "over");
  const isLeader = audience.node === null;
  const told = isLeader ? toldToTasks(services, tasks) : new Map<string, Told>();
  return [
    ...nodes.map(nodeSaying),
    ...services.map((service) => serviceSaying(service, audience)),
    ...(isLeader ? services.flatMap((one) => containerSayings(one, toldIn(one, tasks, told), audience)) : []),
    ...tasks.flatMap((task) => taskSayings(task, told.get(task.ID), audience)),
  ];
}

function concerns({ ServiceID, NodeID }: Task, { node }: Audience): boolean {
  if (ServiceID === "" || NodeID === "") return false;
  return node === null || NodeID === node;
}

function nodeSaying(node: Node): Saying {
  const content = { kind: "node" as const, node: node.ID, address: addressOf(node), state: nodeState(node) };
  return { key: `node ${node.ID}`, task: null, content };
}

/** After a change of leader all nodes are `unknown` for a while: nothing follows from that. */
function nodeState({ Status }: Node): "up" | "down" | "unknown" {
  if (Status.State === "ready") return "up";
  return Status.State === "down" ? "down" : "unknown";
}

/** A manager may know no better of itself than `0.0.0.0`; other managers know where its raft listens. */
function addressOf({ Status, ManagerStatus }: Node): string | null {
  const manager = /^\[?(.+?)\]?:\d+$/.exec(ManagerStatus?.Addr ?? "")?.[1] ?? "";
  return [Status.Addr, manager].find(isUsable) ?? null;
}

function isUsable(address: string): boolean {
  return isIP(address) !== 0 && !/^(?:0\.0\.0\.0|127\..*|::|::1)$/.test(address);
}

function serviceSaying(service: Service, { expose }: Audience): Saying {
  const { ID, Spec, Endpoint } = service;
  const content: Content = {
    ...{ kind: "defined", definition: definitionOf(ID), standing: true },
    ...{ ...described(service), expose, labels: Spec.Labels, environment: {} },
    ingress: (Endpoint?.Ports ?? []).filter(({ PublishMode }) => PublishMode !== "host").flatMap(ingressPort),
  };
  return { key: `service ${ID}`, task: null, content };
}

/** What a node's engine says of a container, as far as managers know it: the leader has no engine of all nodes to ask. */
function containerSayings(service: Service, told: readonly Told[], { expose }: Audience): readonly Saying[] {
  return told.map((each) => ({
    key: each.definition,
    task: null,
    content: { kind: "defined", ...described(service), expose, ...each },
  }));
}

function described({ ID, Version, Spec }: Service) {
  const image = (Spec.TaskTemplate.ContainerSpec?.Image ?? "").replace(/@.*$/, "");
  return {
    app: `swarm:${ID}`,
    version: String(Version.Index),
    name: Spec.Name === "" ? ID : Spec.Name,
    image: image === "" ? null : image,
    healthChecked: false,
  };
}

function definitionOf(service: string): string {
  return `service:${service}`;
}

function ingressPort({ Protocol, TargetPort, PublishedPort }: PublishedPort): readonly IngressPort[] {
  const protocol = protocolOf(Protocol);
  if (protocol === null || !isPort(TargetPort) || !isPort(PublishedPort)) return [];
  return [{ containerPort: TargetPort, hostPort: PublishedPort, protocol }];
}

function taskSayings(task: Task, told: Told | undefined, { node }: Audience): readonly Saying[] {
  const stopping = phaseOf(task) === "stopping" ? [say(task, statusOf(task))] : [];
  if (node !== null || told === undefined) return stopping;
  // Status last: whoever acts on "running" must have the rest already.
  return [say(task, assignedOf(task, told)), say(task, addressedOf(task)), ...(stopping[0] ? stopping : running(task))];
}

function say(task: Task, content: Content): Saying {
  return { key: `${content.kind} ${task.ID}`, task: task.ID, content };
}

/** Desired states from which no task comes back. Not `complete`: that is what a job is to reach by itself. */
const STOPPING = new Set(["shutdown", "remove"]);
/** States that a task's own node reports when its container has ended. */
const OVER = new Set(["complete", "shutdown", "failed", "remove"]);
/**
 * States that managers give by themselves, when the container still runs: `rejected` when a constraint is no longer met
 * (facts/docker-swarm.md §2), `orphaned` when its node has long been away.
 */
const GIVEN_UP = new Set(["rejected", "orphaned"]);

/** `stopping`: it gets its stop signal in a moment, or has got it. */
function phaseOf({ DesiredState, Status }: Task): "over" | "stopping" | "living" {
  if (OVER.has(Status.State)) return "over";
  return STOPPING.has(DesiredState) || GIVEN_UP.has(Status.State) ? "stopping" : "living";
}

function statusOf({ ID, DesiredState, Status }: Task): Content {
  const why = STOPPING.has(DesiredState) ? `desired state ${DesiredState}` : `state ${Status.State}`;
  return { kind: "status", task: ID, status: "stopping", reason: why };
}

function running(task: Task): readonly Saying[] {
  const status = task.Status.State === "running" ? "running" : "staging";
  return [
    say(task, { kind: "status", task: task.ID, status, reason: status === "running" ? null : task.Status.State }),
  ];
}

function assignedOf({ ID, ServiceID, NodeID, CreatedAt }: Task, { definition }: Told): Content {
  const created = Date.parse(CreatedAt);
  return {
    ...{ kind: "assigned", task: ID, definition, inherits: definitionOf(ServiceID) },
    node: NodeID,
    ...(Number.isNaN(created) ? {} : { created }),
  };
}

function addressedOf({ ID, Status, NetworksAttachments }: Task): Content {
  const isOnHost = NetworksAttachments.some(({ Network }) => Network.DriverState?.Name === "host");
  const bindings = (Status.PortStatus?.Ports ?? []).flatMap(binding);
  return {
    kind: "addressed",
    task: ID,
    mode: isOnHost ? "host" : "mapped",
    // The engine names each twice, for IPv4 and IPv6.
    bindings: [...new Map(bindings.map((one) => [`${one.hostPort} ${one.protocol}`, one])).values()],
    networks: NetworksAttachments.flatMap(network),
    exposed: [],
  };
}

function binding({ Protocol, TargetPort, PublishedPort, PublishMode }: PublishedPort): readonly PortBinding[] {
  const protocol = protocolOf(Protocol);
  if (PublishMode === "ingress" || protocol === null || !isPort(PublishedPort)) return [];
  const containerPort = isPort(TargetPort) ? TargetPort : null;
  return [
    { containerPort, protocol, hostAddress: "0.0.0.0", hostPort: PublishedPort, servicePort: null, portName: null },
  ];
}

function network({ Network, Addresses }: Attachment): readonly NetworkAttachment[] {
  const { Spec, DriverState } = Network;
  const address = Addresses[0]?.replace(/\/\d+$/, "") ?? "";
  const isOverlay = DriverState === null || DriverState?.Name === "overlay";
  if (Spec.Ingress || Spec.Name === "ingress" || !isOverlay || isIP(address) === 0) return [];
  return [{ name: Spec.Name, address, reach: "overlay" }];
}

function protocolOf(text: string): Protocol | null {
  if (text === "") return "tcp";
  return text === "tcp" || text === "udp" || text === "sctp" ? text : null;
}

function isPort(number: number): boolean {
  return Number.isInteger(number) && number > 0 && number <= 65_535;
}
