/** Whether what a Muster reports as done is on its disk by then. */
import type { Agent } from "../../src/http/api.ts";
import type { Disk } from "./disk.ts";
import type { Machine } from "./machine.ts";

/** For how long after a failure of its disk the log may lack what is reported, ms. */
const EXCUSED_MS = 2_000;

export interface Ledger {
  /** @param complain told of an instance that was reported though the log does not have its write */
  watch(agent: Agent, complain: (what: string) => void): void;
}

/** Counts the records of each instance that are safe on the disk, over all Musters that write there. */
export function createLedger(disk: Disk, machine: Machine): Ledger {
  const written = new Map<string, number>();
  const reported = new Map<string, number>();
  disk.onSynced = (path, text) => {
    if (!path.endsWith(".jsonl")) return;
    for (const [, id = ""] of text.matchAll(/"action":"[a-z]+","id":"([^"]+)"/g))
      written.set(id, (written.get(id) ?? 0) + 1);
  };
  return {
    watch(agent, complain) {
      agent.subscribe({
        changed() {},
        registryChanged() {},
        wrote(_scope, ids) {
          for (const id of ids) {
            const count = (reported.get(id) ?? 0) + 1;
            reported.set(id, count);
            if (count <= (written.get(id) ?? 0)) continue;
            reported.set(id, written.get(id) ?? 0);
            if (machine.now() - disk.failedAt > EXCUSED_MS) complain(`${id} is reported, and not in the audit log`);
          }
        },
      });
    },
  };
}
