/** What Marathon says, in our own terms: the types that parsers fill and the table holds. */
import type { PortDeclaration } from "../../../src/model.ts";
import type { Standing } from "./status.ts";

/** An app at a version, or one container of a pod at a version. */
export interface Definition {
  /** App or pod id, with leading slash. */
  readonly app: string;
  /** null for apps. */
  readonly container: string | null;
  readonly version: string;
  /** Default service name. */
  readonly name: string;
  readonly image: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly ports: readonly PortDeclaration[];
  /** How many health checks are declared: a task is healthy when all of them say so. */
  readonly healthChecks: number;
  /** Whether readiness checks are declared. */
  readonly readiness: boolean;
  /** Whether its tasks keep volumes and may start again under their old id (up to Marathon 1.4). */
  readonly resident: boolean;
  /** Whether some port waits for its service port: so `api_post_event` has it, before it is assigned. */
  readonly isUnassigned: boolean;
  /** Labels that were left out, by name, for a person. */
  readonly unused: readonly string[];
}

export interface TaskPort {
  readonly name: string | null;
  readonly port: number;
}

/** What an event or an answer says of where a task is; null or empty: not said, which never overwrites what is known. */
export interface Placement {
  readonly version: string | null;
  readonly host: string | null;
  /** Mesos agent id. */
  readonly agent: string | null;
  readonly ports: readonly TaskPort[];
  readonly addresses: readonly string[];
}

/** A task as an answer has it. */
export interface TaskReport extends Placement {
  readonly id: string;
  readonly app: string;
  /** null: a state that is not known here. */
  readonly standing: Standing | null;
  /** Up to 1.1 there is no state, and an unreachable task looks like a running one. */
  readonly isGuess: boolean;
  /** Checks by result; a check without a result yet is in neither. */
  readonly alive: number;
  readonly dead: number;
  /** What readiness checks say; null: not known. */
  readonly ready: boolean | null;
  /** When it was staged, ms by the leader's clock. */
  readonly staged: number | null;
}

/** One app or pod as an answer has it. */
export interface AppReport {
  readonly app: string;
  /** The current definition; of a pod one per container. */
  readonly definitions: readonly Definition[];
  readonly version: string | null;
  /** The oldest version with this same configuration: later ones only scaled it. */
  readonly configSince: string | null;
  /** null: the answer does not tell. */
  readonly tasks: readonly TaskReport[] | null;
}

/** All apps (or pods). */
export interface Listing {
  readonly apps: readonly AppReport[];
  /** Ids of those that could not be read: nothing is concluded about them. */
  readonly unreadable: readonly string[];
  /** Whether even an id could not be read: nothing is concluded from absence at all. */
  readonly isPartial: boolean;
}
