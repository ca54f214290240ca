/**
 * Any world, any scrambling of its events: in process and in virtual time, so that thousands of them fit into CI.
 * `MUSTER_SEED=N` plays one seed, `MUSTER_SEEDS=N` the first N.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createReplaySource } from "../../adapters/sources/replay/index.ts";
import { createWorld } from "../../src/world.ts";
import { createMemoryLog } from "../watch-source.ts";
import { endpointsReady } from "./marathon-endpoints.ts";
import { type Play, play } from "./marathon-play.ts";

const ONE = process.env["MUSTER_SEED"];
const FIRST = ONE === undefined ? 1 : Number(ONE);
const COUNT = ONE === undefined ? Number(process.env["MUSTER_SEEDS"] ?? 2_000) : 1;

function wrongIn(played: Play): readonly string[] {
  const { violations, ready, truth, untold, standing, existing } = played;
  const missing = truth.filter((line) => !ready.includes(line) && !isStillLost(taskOf(line), played));
  const wrong = ready.filter((line) => !truth.includes(line) && !untold.has(taskOf(line)));
  return [
    ...violations,
    ...missing.map((line) => `missing at the end: ${line}`),
    ...standing.filter((key) => !existing.includes(key)).map((key) => `said to exist: ${key}`),
    ...existing.filter((key) => !standing.includes(key)).map((key) => `not said to exist: ${key}`),
    ...wrong.map((line) => `wrong at the end: ${line}`),
  ];
}

/** Before 1.2: the event that it is back was lost, and no answer can tell. */
function isStillLost(task: string, { facts, tellsState }: Play): boolean {
  const last = facts.findLast((fact) => fact.kind === "status" && fact.task === task);
  return !tellsState && last?.kind === "status" && last.status === "unreachable";
}

function taskOf(line: string): string {
  return line.split(" ")[0] ?? "";
}

function writeTrace(file: string, facts: Play["facts"]): void {
  writeFileSync(file, facts.map((fact) => `${JSON.stringify(fact)}\n`).join(""));
}

/** @returns a message that names the seed, and the file that the `replay` source plays */
function complaint(seed: number, { version, acts, facts }: Play, wrong: readonly string[]): string {
  const file = join(tmpdir(), `muster-marathon-seed-${seed}.jsonl`);
  writeTrace(file, facts);
  return [`seed ${seed} (Marathon ${version}: ${acts.join(", ")}); facts in ${file}`, ...wrong].join("\n  ");
}

describe("any Marathon, whatever becomes of its events", () => {
  it(`ends with the world's instances, and never sends traffic to a dead task or a wrong port (${COUNT} seeds)`, async () => {
    const complaints: string[] = [];
    let [endpoints, heard] = [0, 0];
    for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
      const played = await play(seed);
      endpoints += played.truth.length;
      heard += played.heard;
      const wrong = wrongIn(played);
      if (wrong.length > 0) complaints.push(complaint(seed, played, wrong));
      if (complaints.length >= 5) break;
    }

    expect(complaints.join("\n")).toBe("");
    // Worlds without tasks or events would prove nothing.
    if (ONE === undefined) expect([endpoints > COUNT, heard > 10 * COUNT]).toEqual([true, true]);
  }, 600_000);

  it("leaves a trace that the replay source plays to the same end", async () => {
    const { facts, ready } = await play(FIRST);
    const folder = mkdtempSync(join(tmpdir(), "muster-trace-"));
    try {
      const file = join(folder, "trace.jsonl");
      writeTrace(file, facts);
      const world = createWorld({ sources: ["replay"], schedule: () => {} });
      const context = { ...{ name: "replay", cluster: "default", resync: 0, log: createMemoryLog() }, now: Date.now };
      const node = { id: "n1", address: "10.0.0.1" };
      const source = createReplaySource({ file, speed: 0 }, { ...context, node, random: Math.random });
      let left = facts.length + 1;
      for await (const fact of source.events(new AbortController().signal)) {
        world.join(fact);
        left -= 1;
        if (left === 0) break;
      }
      // The last fact closes a listing, which brings the world up to date.
      expect([facts.at(-1)?.kind, endpointsReady(world)]).toEqual(["synced", ready]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
