/** The kinds of things that go wrong, and what people do meanwhile; each is plain data, so that a plan can be printed. */
import type { Trouble } from "./tcp-proxy.ts";

/** Ways of one node's Muster: to the registries and to its own engine. */
export const WAYS = ["consul", "kong", "vulcand", "alb", "engine"] as const;
export type Way = (typeof WAYS)[number];
export const REGISTRIES = ["consul", "kong", "vulcand", "alb"] as const;
export type RegistryName = (typeof REGISTRIES)[number];

/** Something that is wrong for a while. A node is its number, from 0. */
export type Fault =
  | { readonly kind: "way"; readonly node: number; readonly way: Way; readonly trouble: Trouble }
  /** A registry answers such a share of the requests, of all Musters, with an error. */
  | { readonly kind: "answers"; readonly registry: Refusing; readonly status: number; readonly share: number }
  /** Consul is restarted with its data, wiped and restarted, or away. */
  | { readonly kind: "consul"; readonly how: "restart" | "wipe" | "away" }
  /** Muster is ended and started again. */
  | { readonly kind: "muster"; readonly node: number; readonly how: "SIGKILL" | "SIGTERM" }
  | { readonly kind: "dockerd"; readonly node: number; readonly how: "SIGKILL" | "SIGTERM" }
  /** No power: engine, containers and Muster are gone. */
  | { readonly kind: "power"; readonly node: number }
  /** Nobody reaches the node, nor the node anybody. */
  | { readonly kind: "partition"; readonly node: number }
  /** No power at whichever node leads the swarm. */
  | { readonly kind: "leader" }
  | { readonly kind: "drain"; readonly node: number }
  /** A manager is a worker for a while: its Muster hears of the swarm from the others. */
  | { readonly kind: "demote"; readonly node: number }
  /** A service whose tasks end as soon as they run. */
  | { readonly kind: "crash loop" }
  /** A plain container's health check fails, or it is frozen. */
  | { readonly kind: "unhealthy"; readonly node: number }
  | { readonly kind: "paused"; readonly node: number };

export type Refusing = "kong" | "vulcand" | "alb";

/** Something that is done once, by an operator or by a program's own end. `pick` chooses among what there is then. */
export type Deed =
  | { readonly kind: "create"; readonly service: string; readonly setting: Setting }
  | { readonly kind: "scale"; readonly service: string; readonly replicas: number }
  | { readonly kind: "image"; readonly service: string; readonly image: string; readonly order: Order }
  | { readonly kind: "relabel"; readonly service: string; readonly tags: string; readonly route?: Route }
  /** Its route's label is removed, which does nothing where there is none. */
  | { readonly kind: "unroute"; readonly service: string; readonly label: Route["label"] }
  | { readonly kind: "rebuild"; readonly service: string; readonly build: string }
  | { readonly kind: "replace"; readonly service: string; readonly order: Order }
  | { readonly kind: "remove"; readonly service: string }
  | { readonly kind: "crash"; readonly pick: number }
  | { readonly kind: "sick"; readonly pick: number }
  | { readonly kind: "restart"; readonly node: number };

export type Order = "start-first" | "stop-first";

/** A route to a service, or to one of its ports, since two services can't have the same. */
export interface Route {
  readonly host: string;
  readonly label: "route.host" | "8080.route.host";
}

/** How a service is made. */
export interface Setting {
  /** The label muster.name; absent: it is called like the service. */
  readonly name?: string;
  readonly image: string;
  /** null: one on each node, at a port of its own. */
  readonly replicas: number | null;
  /** Host port for one on each node. */
  readonly published?: number;
  /** Container ports published in host mode. */
  readonly ports: readonly number[];
  readonly tags: string;
  /** Absent: none. */
  readonly route?: Route;
  /** Number of its target group; absent: none. */
  readonly group?: number;
  readonly order: Order;
}

/** In words, for a person: "partition of node 2". */
export function describeFault(fault: Fault): string {
  switch (fault.kind) {
    case "way":
      return `node ${fault.node}: ${troubleText(fault.trouble)} on the way to ${fault.way}`;
    case "answers":
      return `${fault.registry} answers ${fault.status} to ${Math.round(fault.share * 100)} % of all requests`;
    case "consul":
      return `consul: ${fault.how}`;
    case "muster":
    case "dockerd":
      return `node ${fault.node}: ${fault.how} to ${fault.kind}`;
    case "power":
    case "partition":
    case "drain":
    case "demote":
    case "unhealthy":
    case "paused":
      return `node ${fault.node}: ${NODE_WORDS[fault.kind]}`;
    case "leader":
      return "the swarm's leader: no power";
    case "crash loop":
      return "a service whose tasks crash";
    default:
      return fault satisfies never;
  }
}

const NODE_WORDS = {
  power: "no power",
  partition: "cut off",
  drain: "drained",
  demote: "demoted to a worker",
  unhealthy: "its plain container is unhealthy",
  paused: "its plain container is paused",
} as const;

function troubleText(trouble: Trouble): string {
  switch (trouble.kind) {
    case "delay":
      return `${trouble.ms} ms delay`;
    case "throttle":
      return `${trouble.bytesPerSecond} bytes/s`;
    case "refuse":
      return "cut, connections refused";
    case "reset":
      return `a reset every ${trouble.everyMs} ms`;
    case "silent":
      return "silence";
    case "lost":
      return `${Math.round(trouble.share * 100)} % of the answers lost`;
    default:
      return trouble satisfies never;
  }
}

/** For the summary, and to see that a plan has them all: "way: silent", "muster: SIGKILL", "power". */
export function kindOf(fault: Fault): string {
  if (fault.kind === "way") return `way: ${fault.trouble.kind}`;
  if (fault.kind === "answers") return `answers: ${fault.status}`;
  return "how" in fault ? `${fault.kind}: ${fault.how}` : fault.kind;
}

/** "scale web to 3". */
export function describeDeed(deed: Deed): string {
  switch (deed.kind) {
    case "create":
      return `create ${deed.service} ${JSON.stringify(deed.setting)}`;
    case "scale":
      return `scale ${deed.service} to ${deed.replicas}`;
    case "image":
      return `update ${deed.service} to ${deed.image}, ${deed.order}`;
    case "relabel":
      return `relabel ${deed.service}: tags ${deed.tags}${deed.route === undefined ? "" : `, route ${deed.route.host}`}`;
    case "unroute":
      return `remove the label muster.${deed.label} of ${deed.service}`;
    case "rebuild":
      return `give the containers of ${deed.service} the label build=${deed.build}`;
    case "replace":
      return `replace all tasks of ${deed.service}, ${deed.order}`;
    case "remove":
      return `remove ${deed.service}`;
    case "crash":
      return "a task crashes";
    case "sick":
      return "a task's health check fails";
    case "restart":
      return `node ${deed.node}: its plain container restarts`;
    default:
      return deed satisfies never;
  }
}
