/** Marathon's events, as far as they say something (facts/marathon.md §2). */
import type { Fields } from "./fields.ts";
import type { Placement } from "./shapes.ts";

export interface EventBase {
  /** `eventType`. */
  readonly type: string;
  /** ms by the leader's clock; null if it does not say. */
  readonly ts: number | null;
  /** All that it says, as it came. */
  readonly body: Fields;
}

/** A task's state. Alone has everything but the meaning of its ports. */
export interface StatusEvent extends EventBase, Placement {
  readonly kind: "status";
  readonly task: string;
  readonly app: string;
  /** e.g. `TASK_RUNNING`. */
  readonly state: string;
  readonly message: string | null;
}

/** Marathon is about to kill a task that its checks found unhealthy; `instance` from 1.4 on. */
export interface KillEvent extends EventBase, Placement {
  readonly kind: "kill";
  readonly task: string;
  readonly instance: string | null;
  readonly app: string;
  readonly reason: string | null;
}

/** All checks of an instance together; null: not known. */
export interface InstanceHealthEvent extends EventBase {
  readonly kind: "instanceHealth";
  readonly instance: string;
  readonly app: string;
  readonly version: string | null;
  readonly healthy: boolean | null;
}

/** One check of a task, without saying which; from 1.4 on it names the instance instead. */
export interface CheckHealthEvent extends EventBase {
  readonly kind: "checkHealth";
  readonly task: string | null;
  readonly instance: string | null;
  readonly app: string;
  readonly version: string | null;
  readonly alive: boolean;
}

/** The condition of an instance as a whole, whichever of its tasks it comes from. */
export interface InstanceEvent extends EventBase {
  readonly kind: "instance";
  readonly instance: string;
  readonly app: string;
  readonly condition: string;
  readonly version: string | null;
  readonly host: string | null;
  readonly agent: string | null;
}

/** A task or instance that Marathon does not know has ended, or is out of reach. */
export interface StrangerEvent extends EventBase {
  readonly kind: "stranger";
  readonly task: string | null;
  readonly instance: string | null;
  readonly app: string;
  readonly condition: string;
}

/** An app was posted: its definition, maybe before its service ports were assigned. */
export interface DefinitionEvent extends EventBase {
  readonly kind: "definition";
  readonly definition: Fields;
}

/** Something happened to these apps and pods, but not what. */
export interface HintEvent extends EventBase {
  readonly kind: "hint";
  readonly apps: readonly string[];
  readonly pods: readonly string[];
  /** Of those the ones that were deleted. */
  readonly deleted: readonly string[];
}

/** All tasks of an app or pod are over. */
export interface TerminatedEvent extends EventBase {
  readonly kind: "terminated";
  readonly app: string;
}

/** The leader's connection to Mesos is new: everything should be listed again. */
export interface RegisteredEvent extends EventBase {
  readonly kind: "registered";
  /** null for a re-registration. */
  readonly frameworkId: string | null;
}

/** Without a meaning for tasks. */
export interface OtherEvent extends EventBase {
  readonly kind: "other";
}

export type MarathonEvent =
  | StatusEvent
  | KillEvent
  | InstanceHealthEvent
  | CheckHealthEvent
  | InstanceEvent
  | StrangerEvent
  | DefinitionEvent
  | HintEvent
  | TerminatedEvent
  | RegisteredEvent
  | OtherEvent;
