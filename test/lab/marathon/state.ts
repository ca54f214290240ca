/** What the virtual cluster is at one time: types only. All of it is plain data, so that an older state can be kept. */
import type { ContainerDefinition, Definition } from "./definition.ts";

/** As in instance_changed_event; a task of its own has one of these too. */
export type Condition =
  | "Scheduled"
  | "Created"
  | "Provisioned"
  | "Staging"
  | "Starting"
  | "Running"
  | "Killing"
  | "Unreachable"
  | "UnreachableInactive"
  | "Killed"
  | "Finished"
  | "Failed"
  | "Error"
  | "Gone"
  | "Dropped";

export interface Agent {
  readonly id: string;
  readonly host: string;
  readonly index: number;
  /** Host ports in use. */
  readonly taken: Set<number>;
}

/** What the leader knows of one check of one task. */
export interface CheckResult {
  readonly alive: boolean;
  readonly consecutiveFailures: number;
  readonly firstSuccess: string | null;
  readonly lastSuccess: string | null;
  readonly lastFailure: string | null;
  readonly lastFailureCause: string | null;
}

export interface Task {
  readonly id: string;
  readonly container: ContainerDefinition;
  /** Of those declarations that have a host port, in their order. */
  readonly hostPorts: readonly number[];
  /** Its own addresses, known from its start. */
  readonly addresses: readonly string[];
  condition: Condition;
  /** What Marathon says its addresses are: empty before it runs, and at times wiped afterwards. */
  shownAddresses: readonly string[];
  readonly stagedAt: string;
  startedAt: string | null;
  /** Per check: how it really is; null: never tried. */
  readonly alive: (boolean | null)[];
  /** Per check: what the leader knows; null: nothing, as after a failover. */
  readonly results: (CheckResult | null)[];
  /** null: no readiness check has answered yet. */
  ready: boolean | null;
}

export interface Instance {
  readonly id: string;
  readonly uuid: string;
  readonly specId: string;
  /** Of its present incarnation, which may be older than the app's. */
  definition: Definition;
  incarnation: number;
  agent: Agent | null;
  tasks: Task[];
  condition: Condition;
  /** When the condition last changed. */
  since: string;
  goal: "running" | "stopped";
  /** Steps of its life that were planned before this number rose are off. */
  turn: number;
}

export interface Failure {
  readonly appId: string;
  readonly host: string;
  readonly message: string;
  readonly state: string;
  readonly taskId: string;
  readonly timestamp: string;
  readonly version: string;
  readonly slaveId: string;
}

export interface RunSpec {
  readonly id: string;
  /** What is to be; null: it is being stopped. */
  target: Definition | null;
  /** What `/v2/apps` shows; null: nothing yet. */
  visible: Definition | null;
  readonly versions: Map<string, Definition>;
  readonly instances: Map<string, Instance>;
  lastFailure: Failure | null;
}

export type ActionName = "Start" | "Scale" | "Restart" | "Stop";

export interface Action {
  readonly name: ActionName;
  readonly kind: Definition["kind"];
  readonly id: string;
}

export interface Deployment {
  readonly id: string;
  readonly version: string;
  readonly steps: readonly (readonly Action[])[];
  /** Index into `steps`. */
  step: number;
  readonly original: RootGroup;
  readonly target: RootGroup;
}

/** All definitions at one time. */
export interface RootGroup {
  readonly version: string;
  readonly definitions: readonly Definition[];
}

/** All that REST answers are made of. */
export interface State {
  readonly specs: Map<string, RunSpec>;
  deployments: Deployment[];
  /** Version of the newest root group. */
  rootVersion: string;
  readonly frameworkId: string;
  /** Index of the master that leads; null: an election is going on. */
  leader: number | null;
}
