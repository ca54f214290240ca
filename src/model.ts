/**
 * The nouns, types only: what sources say (facts), what the core makes of it (instances), what registries hold
 * (registrations) and the two adapter interfaces. Everything here is plain JSON or an interface over it, so a
 * stream of facts can be stored and replayed.
 */

// ── Facts ────────────────────────────────────────────────────────────────────────────────────────────────────────────

export type Protocol = "tcp" | "udp" | "sctp";

/** What every fact carries. */
export interface FactBase {
  /** Name of the source that saw it, e.g. `docker`. */
  readonly source: string;
  /** The source's own clock: larger is newer. Only its order matters, and only between facts of one source. */
  readonly clock: number;
  /** When the source saw it, in ms since the epoch. For people (time line, audit), never for ordering. */
  readonly at: number;
  /** What made the source see it, e.g. `start`, `list`, `die`. For people. */
  readonly via: string;
}

/** A definition at a version: what an app, a service or a single container was declared to be. */
export interface DefinedFact extends FactBase {
  readonly kind: "defined";
  /** Key that `assigned.definition` (or `.inherits`) refers to; carries the version where the orchestrator has versions. */
  readonly definition: string;
  /**
   * Whether what it defines exists by itself, also without any task, until a listing does not have it any more (a Marathon
   * app, a Swarm service). Absent: it exists for as long as a task of it does (a plain container).
   */
  readonly standing?: boolean;
  /** Which app this is, over all its versions and tasks, e.g. `compose:shop/web`. Two apps with one service name collide. */
  readonly app: string;
  readonly version: string | null;
  /** The default service name, where no label names one. */
  readonly name: string;
  readonly image: string | null;
  readonly labels: Readonly<Record<string, string>>;
  /** Registrator's `SERVICE_*` environment; other variables are never read into a fact, since they hold secrets. */
  readonly environment: Readonly<Record<string, string>>;
  /** `labelled`: only what asks for it by `muster.enable=true` or a name is registered. */
  readonly expose: "published" | "labelled";
  /** Whether health is declared, so that an instance must be seen healthy before it is ready. */
  readonly healthChecked: boolean;
  /**
   * The declared ports, for orchestrators that tell a task's host ports and their meaning apart (Marathon): they are
   * joined with `addressed.allocated`. Absent where `addressed.bindings` says it all (Docker).
   */
  readonly ports?: readonly PortDeclaration[];
  /** Ports that Swarm's routing mesh publishes for it on every node (Swarm services only). */
  readonly ingress?: readonly IngressPort[];
}

/** A port that every node of a swarm publishes for a service: one endpoint for each node that runs a task of it. */
export interface IngressPort {
  readonly containerPort: number;
  readonly hostPort: number;
  readonly protocol: Protocol;
}

/** One port that a definition declares. */
export interface PortDeclaration {
  readonly name: string | null;
  /** Several for `udp,tcp`: one instance each. */
  readonly protocols: readonly Protocol[];
  /** null: none of its own, or the same as the host port. */
  readonly containerPort: number | null;
  /** null where there is none, or where it is not assigned yet (0 is never believed: facts/marathon.md, fact 4). */
  readonly servicePort: number | null;
  /** Whether the task is given a host port for it; else it is reached at the task's own address and `containerPort`. */
  readonly hasHostPort: boolean;
  /** The declaration's own labels; they beat the app's. */
  readonly labels: Readonly<Record<string, string>>;
}

/** A task exists, of this definition, on this node. */
export interface AssignedFact extends FactBase {
  readonly kind: "assigned";
  /** The orchestrator's own id of the task. */
  readonly task: string;
  readonly definition: string;
  /** A more general definition whose labels are defaults (a Swarm service for its containers); not waited for. */
  readonly inherits: string | null;
  /** Id of the node that runs it. */
  readonly node: string;
  /**
   * When the orchestrator created it, or its version, ms since the epoch by the orchestrator's clock: of several labels for
   * one service the newest count, and of two services that claim one route the older keeps it. Absent where unknown.
   */
  readonly created?: number;
}

/** One port of a task published on its host. */
export interface PortBinding {
  readonly containerPort: number | null;
  readonly protocol: Protocol;
  /** `0.0.0.0` and `::` mean every address of the node; others are bound to that one. */
  readonly hostAddress: string;
  readonly hostPort: number;
  /** Marathon only: the app's service port; null elsewhere. */
  readonly servicePort: number | null;
  readonly portName: string | null;
}

/** One network that a task is attached to. */
export interface NetworkAttachment {
  readonly name: string;
  readonly address: string;
  /** `node`: reachable only on that node (bridge); `overlay`: only inside that overlay; `routable`: like a host (macvlan). */
  readonly reach: "node" | "overlay" | "routable";
}

/** A task's addresses and ports, all candidates; labels decide which become endpoints. */
export interface AddressedFact extends FactBase {
  readonly kind: "addressed";
  readonly task: string;
  /** How the task is on the network: `host` shares the node's, `none` has none, `shared` uses another container's. */
  readonly mode: "mapped" | "host" | "none" | "shared";
  readonly bindings: readonly PortBinding[];
  readonly networks: readonly NetworkAttachment[];
  /** Ports the task is declared to listen on (EXPOSE, requested but unpublished `-p`): a hint only. */
  readonly exposed: readonly { readonly port: number; readonly protocol: Protocol }[];
  /** What the task was given for its definition's declared ports. */
  readonly allocated?: Allocation;
  /** The mesh's ports of its service as its own engine knows them, for nodes that reach no manager. */
  readonly ingress?: readonly IngressPort[];
}

/** Host and ports as an orchestrator's status tells them: without their meaning. */
export interface Allocation {
  /** Name or address of the agent; null while unknown. */
  readonly host: string | null;
  /** Host ports, in the order of those declarations that have one; by name where the orchestrator names them (pods). */
  readonly ports: readonly { readonly name: string | null; readonly port: number }[];
  /** The task's own addresses, the first being the one to use. */
  readonly addresses: readonly string[];
}

export type TaskStatus = "staging" | "running" | "paused" | "stopping" | "stopped" | "unreachable";

export interface StatusFact extends FactBase {
  readonly kind: "status";
  readonly task: string;
  readonly status: TaskStatus;
  /** e.g. `exit code 137`; null where there is nothing to add. */
  readonly reason: string | null;
}

export type Health = "passing" | "failing" | "unknown" | "none";

export interface HealthFact extends FactBase {
  readonly kind: "health";
  readonly task: string;
  readonly health: Health;
}

/** The task is over for good; absorbs every other fact of it, whatever its clock. */
export interface GoneFact extends FactBase {
  readonly kind: "gone";
  readonly task: string;
  readonly reason: string | null;
}

export interface NodeFact extends FactBase {
  readonly kind: "node";
  readonly node: string;
  /** The address under which its published ports are reached; null while unknown. */
  readonly address: string | null;
  readonly state: "up" | "down" | "unknown";
}

/** A full listing begins. Every fact of this listing has a clock >= this one's. */
export interface ResyncFact extends FactBase {
  readonly kind: "resync";
}

/**
 * The full listing is complete: what this source said before `floor` and did not say again is no longer so.
 * A source repeats in a listing *all* that it still holds to be true.
 */
export interface SyncedFact extends FactBase {
  readonly kind: "synced";
  /** Clock of the `resync` that opened the listing. */
  readonly floor: number;
  /**
   * `node`: the truth about its node (a local engine); what it does not list is gone, no guard needed.
   * `whole`: believed to be whole. `doubtful`: may miss things (after a fail-over), so removes nothing during probation.
   */
  readonly trust: "node" | "whole" | "doubtful";
}

/** The source's connection changed. A source in error keeps its last known state. */
export interface SourceStateFact extends FactBase {
  readonly kind: "source";
  readonly state: "connected" | "disconnected";
  readonly error: string | null;
}

/** Something worth telling that changes no instance: a malformed line, a label that cannot be read. */
export interface NoticeFact extends FactBase {
  readonly kind: "notice";
  readonly task: string | null;
  readonly message: string;
}

export type TaskFact = AssignedFact | AddressedFact | StatusFact | HealthFact | GoneFact;
export type Fact = DefinedFact | TaskFact | NodeFact | ResyncFact | SyncedFact | SourceStateFact | NoticeFact;

// ── Metadata (from labels) ───────────────────────────────────────────────────────────────────────────────────────────

/** A health check that a registry runs (or, for `ttl`, that Muster keeps alive). All durations in ms. */
export interface Check {
  readonly type: "http" | "https" | "tcp" | "grpc" | "ttl";
  /** http(s): a path with leading `/`; grpc: the service name or empty; else empty. Never a host: requests go to the endpoint. */
  readonly target: string;
  /** http(s) only. */
  readonly method: string | null;
  readonly interval: number | null;
  readonly timeout: number | null;
  readonly deregisterAfter: number | null;
  /** ttl only: how long a heart-beat lasts. */
  readonly ttl: number | null;
  readonly tls: { readonly use: boolean; readonly skipVerify: boolean };
  readonly initialStatus: "passing" | "warning" | "critical" | null;
}

/** A gateway route, neutral to the gateway. */
export interface Route {
  readonly hosts: readonly string[];
  readonly paths: readonly string[];
  readonly stripPath: boolean;
  readonly priority: number | null;
}

/** What labels say of one port, after specific keys have beaten general ones. */
export interface Metadata {
  /** Absent: not said. */
  readonly enable: boolean | null;
  readonly name: string | null;
  /** Whether `name` was given for this very port, so that it takes no `-PORT` suffix. */
  readonly nameIsPorts: boolean;
  readonly ports: readonly { readonly port: number; readonly protocol: Protocol }[];
  readonly network: string | null;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
  readonly weight: number | null;
  readonly checks: readonly Check[];
  readonly routes: readonly Route[];
  readonly albTargetGroups: readonly string[];
  /** ms */
  readonly drain: number | null;
  /** The signal that Muster sends once the task is out of service (docs/alb.md, stop-signal gate); null: no gate. */
  readonly stopGate: "SIGTERM" | "SIGINT" | "SIGQUIT" | null;
  /** Whether its health check waits for a registry that checks targets by itself (see `Registry.checksHealth`). */
  readonly readinessGate: boolean;
}

// ── Instances ────────────────────────────────────────────────────────────────────────────────────────────────────────

export type InstanceState = "pending" | "ready" | "draining";

/** One record per reachable port of one task: the unit that is registered. */
export interface Instance {
  /** Unique in the cluster and stable over restarts of Muster. */
  readonly id: string;
  readonly service: string;
  readonly source: string;
  readonly task: string;
  readonly node: string;
  readonly address: string | null;
  readonly port: number | null;
  readonly protocol: Protocol;
  readonly containerPort: number | null;
  readonly servicePort: number | null;
  readonly portName: string | null;
  readonly state: InstanceState;
  readonly health: Health;
  /** What the record waits for, in single words: `definition`, `address`, `port`, `node`, `status`, `health`, `permission`. */
  readonly missing: readonly string[];
  readonly version: string | null;
  /** See `AssignedFact.created`; null where unknown. */
  readonly created: number | null;
  readonly image: string | null;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
  readonly routes: readonly Route[];
  readonly weight: number | null;
  readonly checks: readonly Check[];
  readonly albTargetGroups: readonly string[];
  /** ms */
  readonly drain: number | null;
  /**
   * Its state is `pending`, and only because its own health check has not passed yet, which waits for a registry that
   * checks health by itself: those take it already (see `Registry.checksHealth`). @default false
   */
  readonly awaitsRegistry?: boolean;
  /** Which app it belongs to (see `DefinedFact.app`); two apps under one service name are a collision. */
  readonly app: string;
  /** Whether a label chose the service name; a default name that collides is reported. */
  readonly named: boolean;
  /** Whatever a person should know: labels that were dropped and why, ambiguous networks, collisions. */
  readonly notes: readonly string[];
  /** Those of `notes` that say what `policy.claims` does not allow it; absent: nothing. */
  readonly refused?: readonly string[];
}

/** The node that this Muster serves. */
export interface NodeIdentity {
  readonly id: string;
  /** IPv4 or IPv6 address under which other nodes reach its published ports. */
  readonly address: string;
}

// ── Registrations ────────────────────────────────────────────────────────────────────────────────────────────────────

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** One entry of ours in a registry, in the form in which the registry gives it back. */
export interface Registration {
  /** Unique in its registry; the id under which the registry keeps it. */
  readonly key: string;
  /**
   * The instance it stands for; null for a service-level object (a route, an upstream), which belongs to all instances of
   * its service: each of them projects it, the newest one's content counts, and it stays for as long as the service exists.
   */
  readonly instance: string | null;
  readonly service: string;
  readonly task: string | null;
  /** Name of the source that the instance came from, so that nothing is removed before that source has synced; null if unknown. */
  readonly source: string | null;
  /** `address:port/protocol` that it sends traffic to; null for service-level objects. Two tasks can't hold one endpoint. */
  readonly endpoint: string | null;
  /** Order of creation: lower first; removal runs the other way. 0 for instances, below 0 for what they need. */
  readonly rank: number;
  /**
   * Service-level objects: what only one service can have, in words for people, e.g. `shop.example/cart` for a route. Of
   * two services with one claim, the one that holds it keeps it, else the older; the other's object is refused and reported.
   */
  readonly claims?: readonly string[];
  /** What another node's Muster wrote, as `listOthers` found it: the id of that node. */
  readonly node?: string;
  /** Service-level objects, as `list` found them: instances of other nodes hang on it, so that it is not removed from here. */
  readonly inUse?: boolean;
  /**
   * Where the registry can tell who hangs on it, but not whether they need it: the endpoint of each, with the registry's own
   * name of the machine where it has no address (`i-0123:32768/tcp`). The swarm's leader may know that none of them does:
   * then `inUse` is false in the change that removes it, which holds for these users and no others.
   */
  readonly users?: readonly string[];
  /** Kept without traffic until its task has ended, see `Registry.drains`. */
  readonly draining?: boolean;
  /** The content, compared by value: a difference to the desired one is drift and is updated in place. */
  readonly spec: Json;
  /** Parts of the instance that this registry can't hold and that were left out, each with its reason; never compared. */
  readonly notes?: readonly string[];
}

export type Change =
  | { readonly op: "register"; readonly key: string; readonly before: null; readonly after: Registration }
  | { readonly op: "update"; readonly key: string; readonly before: Registration; readonly after: Registration }
  | { readonly op: "deregister"; readonly key: string; readonly before: Registration; readonly after: null };

export type Outcome =
  | { readonly ok: true }
  | {
      readonly ok: false;
      /** One line that names the registry, the key and the culprit; never a secret. */
      readonly error: string;
      /** Whether trying the very same again may succeed (network, 429, 5xx), as opposed to a refusal. */
      readonly retry: boolean;
      /** Whether the write may have been done nevertheless (time-out, reset after sending): the registry is re-read. */
      readonly ambiguous: boolean;
      /** Only this entry's own server is away: it says nothing of the registry as a whole, which is not listed for it. */
      readonly isolated?: boolean;
    };

// ── Adapters ─────────────────────────────────────────────────────────────────────────────────────────────────────────

export type SourceEvent = Fact;

/** Where tasks are learned from. Sources know facts, never instances or registries. */
export interface Source {
  readonly name: string;
  /**
   * Facts for ever: a listing in `resync`…`synced` first, then live ones; reconnects by itself, with a new listing each
   * time. Ends without an error when `signal` aborts. One consumer at a time.
   */
  events(signal: AbortSignal): AsyncIterable<SourceEvent>;
  /** Asks for a new full listing soon (single-flight); absent where a listing can't be had. */
  resync?(): void;
  /** A task of this source waits for facts (`missing`): asks for them soon; debounced, single-flight, bounded. */
  resolve?(task: string): void;
  /**
   * Sends a signal to a task that its engine has told to stop, and to no other. Absent: this source can't.
   * Rejects with an Error in one line if it may be tried again, and with `abort.reason` on abort.
   * @returns null once it is sent or the task has ended; else in one line why it won't ever be sent
   */
  endTask?(task: string, name: string, abort: AbortSignal): Promise<string | null>;
  /** See `Registry.diagnose`. */
  diagnose?(signal: AbortSignal): AsyncIterable<Finding>;
}

/** One thing that `muster doctor` has looked at. */
export interface Finding {
  /** In a word or two, e.g. `reached`, `version`, `clock`; a permission as its system calls it. */
  readonly what: string;
  /** `warning`: it works, or most of it; `problem`: it does not. */
  readonly level: "ok" | "warning" | "problem";
  /** One line: what was found. Never a secret. */
  readonly text: string;
  /** One line: what to do; null if `ok`. */
  readonly fix: string | null;
}

/** Where instances are registered. Knows its own system's shapes and nothing of sources. */
export interface Registry extends AsyncDisposable {
  readonly name: string;
  /**
   * Pure: the registrations of a *ready* instance, exactly as `list` would read them back.
   * Empty: not applicable here. Throws an Error that names the culprit where the instance can't be registered at all.
   * Includes the service-level objects that the instance needs (`instance: null`, `rank` below 0).
   */
  project(instance: Instance): readonly Registration[];
  /**
   * Whether `project` also takes a `draining` instance and gives its entry without traffic (weight 0, maintenance), in
   * which state it stays until the task has ended. Absent: a draining instance is deregistered at once.
   */
  readonly drains?: boolean;
  /**
   * Whether it sends traffic only to what its own checks find healthy (an ALB's target group), so that `project` is also
   * given instances with `awaitsRegistry`. @default false
   */
  readonly checksHealth?: boolean;
  /**
   * Whether its entries have nothing to do with each other, so that `apply` may be called while earlier calls, with other
   * keys and endpoints, are under way: a burst need not wait for its slowest write. Not with service-level objects.
   * @default false
   */
  readonly concurrent?: boolean;
  /**
   * Ours, and no other: this cluster's and node's instances, and all of the cluster's service-level objects, whichever
   * node wrote them. Rejects rather than give a partial or doubtful answer.
   */
  list(signal: AbortSignal): Promise<readonly Registration[]>;
  /**
   * Carries the changes out, in rank order, concurrently where order does not matter. Never rejects for a failed change;
   * rejects with `signal.reason` on abort. A service-level object that instances of other nodes still need is not
   * removed: that change is refused (`retry: false`) with an error that says so.
   * @returns one outcome per change, in the order of `changes`
   */
  apply(changes: readonly Change[], signal: AbortSignal): Promise<readonly Outcome[]>;
  /**
   * What the registry itself says of an entry beyond its content, as of the last time that it was asked, e.g. an ALB
   * target's health: `{ "target": { "state", "reason" } }`. null: nothing (yet).
   */
  detail?(key: string): Json;
  /**
   * The instances that other nodes of this cluster have here, each with its `node`, or, where entries bear no marks,
   * without: then it is told by the endpoint's address. The leader removes what a dead node left (`apply` takes their
   * `deregister`, and nothing else of theirs). Absent where that can't be told, or need not be.
   */
  listOthers?(signal: AbortSignal): Promise<readonly Registration[]>;
  /**
   * Yields each time that the registry may have lost what it held (it was away and is back), so that it is listed at once
   * and not only at the next period. Ends without an error on abort. Absent where there is no way to notice.
   */
  returns?(signal: AbortSignal): AsyncIterable<unknown>;
  /**
   * Looks at everything that can be wrong with the system behind it, for `muster doctor`: whether it can be reached and
   * lets us in, its version and clock, each permission that is needed. Writes nothing: what a permission to write is asked
   * with can't succeed, or changes nothing. What fails is a finding; rejects with `signal.reason` on abort only.
   */
  diagnose?(signal: AbortSignal): AsyncIterable<Finding>;
}

/** What Muster's log has to offer; pino satisfies it. Constant messages, data in fields. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What an adapter is given besides its own options. */
export interface AdapterContext {
  /** Name of the adapter in the configuration, e.g. `consul`. */
  readonly name: string;
  /** Ownership scope: entries of other clusters are strangers. */
  readonly cluster: string;
  readonly node: NodeIdentity;
  /** Period of full listings, ms; 0: none. */
  readonly resync: number;
  /**
   * It is only looked at (`muster plan`, `muster doctor`, `policy.dryRun`): `apply` is never called, and nothing else may
   * be written either, not even heart-beats for what `list` finds. @default false
   */
  readonly readOnly?: boolean;
  /**
   * `create`: of service-level objects only those that are missing are written from here; the swarm's leader keeps them
   * right and removes them (decision 009), so that nothing may be left in them that only this node could take back.
   * @default keep
   */
  readonly serviceLevel?: "keep" | "create";
  /**
   * The swarm's leader: name of the source whose instances their own nodes write, so that none of those is this one's.
   * Absent: there is none.
   */
  readonly nodeSource?: string;
  readonly log: Logger;
  /** ms since the epoch. */
  now(): number;
  /** In [0, 1). */
  random(): number;
}
