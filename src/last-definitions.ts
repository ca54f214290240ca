/**
 * By what definitions tasks were known last. A swarm's service goes before its tasks have stopped, and with it the labels
 * that they were registered by: until they have ended they keep them, so that what drains stays what it was.
 */
import type { TaskRecord } from "./correlate.ts";

type Definitions = Pick<TaskRecord, "definition" | "inherited">;

export interface LastDefinitions {
  /** The record with what is lost of its definitions, and remembers those that it has. */
  complete(record: TaskRecord): TaskRecord;
  /** The task is over. */
  forget(task: string): void;
}

export function createLastDefinitions(): LastDefinitions {
  const known = new Map<string, Definitions>();
  return {
    complete(record) {
      const { task, definition, inherited } = record;
      const last = known.get(task);
      if (isWhole(record)) {
        if (last?.definition !== definition || last.inherited !== inherited) known.set(task, { definition, inherited });
        return record;
      }
      if (last === undefined || !isOf(record, last)) return record;
      return { ...record, definition: definition ?? last.definition, inherited: inherited ?? last.inherited };
    },
    forget: (task) => void known.delete(task),
  };
}

function isWhole({ assigned, definition, inherited }: TaskRecord): boolean {
  return definition !== null && (assigned.inherits === null || inherited !== null);
}

/** Whether the task still refers to them. */
function isOf({ assigned }: TaskRecord, { definition, inherited }: Definitions): boolean {
  return definition?.definition === assigned.definition && (inherited?.definition ?? null) === assigned.inherits;
}
