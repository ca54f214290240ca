/** The Musters' audit logs: whole, and what they say of the writes. */
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { AuditRecord } from "../../src/audit/record.ts";
import type { Place } from "./stage.ts";

/** "register ok" → how often. */
export type Writes = Readonly<Record<string, number>>;

const WRITES: readonly string[] = ["register", "update", "deregister", "drain"];

/** `muster audit verify` on each log, also while a Muster writes it. @returns what it found, one line per log that is not whole */
export async function brokenAudits(places: readonly Place[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { number, muster } of places) {
    await muster.verifyAudit().catch((error: unknown) => {
      found.push(
        `node ${number}: the audit log is not whole: ${error instanceof Error ? error.message : String(error)}`,
      );
    });
  }
  return found;
}

/** All writes of all Musters, by registry, action and outcome. */
export async function writesIn(places: readonly Place[]): Promise<Writes> {
  const count: Record<string, number> = {};
  for (const { muster } of places) {
    for (const { action, registry, ok } of await recordsOf(muster.auditPath)) {
      if (!WRITES.includes(action)) continue;
      const key = `${registry} ${action} ${ok === true ? "ok" : "failed"}`;
      count[key] = (count[key] ?? 0) + 1;
    }
  }
  return Object.fromEntries(Object.entries(count).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Rotated parts as well. A last line that is being written is left out. */
async function recordsOf(path: string): Promise<readonly AuditRecord[]> {
  const stem = basename(path, ".jsonl");
  const files = (await readdir(dirname(path))).filter((name) => name.startsWith(stem) && name.endsWith(".jsonl"));
  const texts = await Promise.all(files.map((name) => readFile(join(dirname(path), name), "utf8")));
  return texts.flatMap((text) =>
    text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as AuditRecord),
  );
}
