import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AuditRecord } from "../../src/audit/record.ts";
import { labAvailable } from "../lab/available.ts";
import { type Consul, startConsul } from "../lab/consul.ts";
import { type Engine, startEngine } from "../lab/engine.ts";
import { freePorts } from "../lab/ports.ts";
import { addStrangers, all, createFleet, services, strangers, untilEqual } from "./fleet.ts";
import { muster, runProgram } from "./program.ts";

const { skip, reason } = await labAvailable("engine");
const ROUNDS = 20;

describe.skipIf(skip)(`Muster killed ${reason}`, () => {
  let engine: Engine;
  let consul: Consul;
  let folder: string;
  let port: number;
  let config: string;
  let audit: string;

  beforeAll(async () => {
    engine = await startEngine();
    consul = await startConsul();
    folder = await mkdtemp(join(tmpdir(), "muster-crash-"));
    [port = 0] = await freePorts(1);
    audit = join(folder, "audit.jsonl");
    config = join(folder, "muster.yaml");
    await writeFile(
      config,
      `node: { id: n1, address: ${engine.address} }
sources: { docker: { host: "unix://${engine.socket}" } }
registries: { consul: { url: "${consul.url}" } }
audit: { path: ${audit} }
`,
    );
  });
  afterAll(async () => {
    await consul[Symbol.asyncDispose]();
    await engine[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it(`at ${ROUNDS} random moments leaves nothing stale or missing, repeats nothing, and its audit log is whole`, {
    timeout: 240_000,
  }, async () => {
    await addStrangers(consul, "n1");
    const before = await strangers(consul);
    const ids = await createFleet(
      engine,
      Array.from({ length: 12 }, (_, index) => `crash-${index}`),
    );
    const random = randomOf(7);

    for (let round = 0; round < ROUNDS; round++) {
      const right = new Set((await services(consul)).flatMap(({ Meta }) => Meta["muster_id"] ?? []));
      const program = runProgram(["-c", config], port);
      const from = (await records(audit)).length;
      await program.ready();
      await untilEqual(engine, consul, 5_000);
      const repeated = (await records(audit))
        .slice(from)
        .filter(({ registry, action, id }) => registry === "consul" && action !== "deregister" && right.has(id ?? ""));
      expect(repeated).toEqual([]);

      const churn = Promise.all([toggle(engine, ids, random), pause(random() * 400)]);
      await pause(random() * 500);
      await program.kill();
      await churn;
      expect(await muster(["audit", "verify", "-c", config])).toMatchObject({ code: 0 });
    }

    expect(await strangers(consul)).toEqual(before);
  });
});

/** Starts some containers and kills others, at random. */
async function toggle(engine: Engine, ids: readonly string[], random: () => number): Promise<void> {
  for (const id of ids.filter(() => random() < 0.4)) {
    const action = random() < 0.5 ? "start" : "kill";
    // It may be in that state already.
    await all(engine, [id], action).catch(() => {});
  }
}

async function records(path: string): Promise<readonly AuditRecord[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  return text.split("\n").flatMap((line) => {
    try {
      return [JSON.parse(line) as AuditRecord];
    } catch {
      return [];
    }
  });
}

/** mulberry32: the same moments on every run. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
