import { readTaskId } from "./ids.ts";

/** What the table asks of those who can read: soon, gathered, and only if it is still needed then. */
export interface Asks {
  /** The definition of an app or pod at a version that one of its tasks has. */
  definition(of: Subject, version: string): void;
  /** The tasks of an app or pod. */
  tasks(of: Subject, wish?: Wish): void;
  /** Everything. */
  listing(): void;
  /** To say everything again that is held, without asking Marathon. */
  repeat(): void;
}

/** An app or pod. */
export interface Subject {
  /** Id with leading slash. */
  readonly app: string;
  readonly isPod: boolean;
}

export interface Wish {
  /** ms from now; default: as soon as it is allowed. */
  readonly delay?: number;
  /** Asked again when its turn comes, since the answer may have come by itself. */
  isStillNeeded?(): boolean;
}

/** Whose task it is. */
export function subjectOf(task: string, app: string): Subject {
  return { app, isPod: readTaskId(task, app).container !== null };
}
