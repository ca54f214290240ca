/** Mesos task states and Marathon's conditions, by what they mean for a task. Pure. */

/** How far a task is that is not over. `stopped` may come back: a resident task that waits on its volumes. */
export type Phase = "staging" | "running" | "unreachable" | "stopping" | "stopped";

/** `ended` is final. */
export type Standing = Phase | "ended";

/** `LOST` is reversible (≤1.3: agents come back, #3924), as `UNREACHABLE` is. */
const STATES: Readonly<Record<string, Standing>> = {
  CREATED: "staging",
  SCHEDULED: "staging",
  PROVISIONED: "staging",
  STAGING: "staging",
  STARTING: "staging",
  RUNNING: "running",
  KILLING: "stopping",
  UNREACHABLE: "unreachable",
  UNREACHABLEINACTIVE: "unreachable",
  LOST: "unreachable",
  FINISHED: "ended",
  FAILED: "ended",
  KILLED: "ended",
  ERROR: "ended",
  GONE: "ended",
  DROPPED: "ended",
  GONE_BY_OPERATOR: "ended",
  UNKNOWN: "ended",
};

/** Reads `TASK_RUNNING` or a condition such as `Running`; null for one that nobody knows yet. */
export function standingOf(state: string): Standing | null {
  return (
    STATES[
      state
        .trim()
        .replace(/^TASK_/, "")
        .toUpperCase()
    ] ?? null
  );
}

/** Among phases of one task a later rank wins, whatever the order of arrival; within a rank, time decides. */
export const RANKS: Readonly<Record<Phase, number>> = {
  staging: 0,
  running: 1,
  unreachable: 1,
  stopping: 2,
  stopped: 3,
};
