/** `muster plan` on fakes: what it tells, its exit codes, and that it writes nothing. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LookingParts } from "../../src/commands/context.ts";
import { differences, type PlanReport } from "../../src/dry-run/report.ts";
import type { AdapterContext, Fact, Registry, Source } from "../../src/model.ts";
import { runMuster } from "../cli.ts";
import { runningTask, synced } from "../facts.ts";
import { createFakeGateway, createFakeRegistry, type FakeRegistry } from "../fakes/registry.ts";
import { createScene, silent } from "../reconciling.ts";

let folder: string;
let contexts: AdapterContext[];
beforeEach(async () => {
  contexts = [];
  folder = await mkdtemp(join(tmpdir(), "muster-plan-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A source that says this and then nothing more, until the abort. */
function telling(name: string, facts: readonly Fact[]): Source {
  return {
    name,
    async *events(signal) {
      yield* facts;
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    },
  };
}

function partsOf(sources: readonly Source[], registries: readonly Registry[]): LookingParts {
  return {
    log: silent,
    identify: async () => ({ id: "n1", address: "10.0.0.1" }),
    sourceNames: (scope) => (scope === "node" ? sources.map(({ name }) => name) : []),
    async load(_scope, context) {
      contexts.push(context("any"));
      return { sources, registries };
    },
  };
}

async function plan(parts: LookingParts, args: readonly string[] = [], policy = "{}") {
  const file = join(folder, "muster.yaml");
  await writeFile(file, `policy: ${policy}\naudit: { path: ${folder}/audit.jsonl }\n`);
  return await runMuster(["plan", "-c", file, ...args], { loadParts: async () => parts });
}

async function report(parts: LookingParts, policy?: string): Promise<PlanReport> {
  return JSON.parse((await plan(parts, ["--json"], policy)).out) as PlanReport;
}

/** A registry as an earlier Muster left it: holding these tasks. */
async function holding(...tasks: readonly string[]): Promise<FakeRegistry> {
  const scene = createScene();
  await scene.say(...tasks.flatMap((task, index) => runningTask(task, { hostPort: 1000 + index })), synced());
  await scene.pass();
  scene.registry.log.length = 0;
  scene.registry.lists = 0;
  return scene.registry;
}

describe("a plan", () => {
  it("is 0 and says so where nothing is to be changed", async () => {
    const registry = await holding("t1");
    const { code, out } = await plan(
      partsOf([telling("docker", [...runningTask("t1", { hostPort: 1000 }), synced()])], [registry]),
    );
    expect(code).toBe(0);
    expect(out).toBe("fake, node n1: 1 as they should be\n\nin sync: nothing to change\n");
  });

  it("is 3 and a diff where something is", async () => {
    const registry = await holding("gone", "kept", "moved");
    const facts = [
      ...runningTask("kept", { hostPort: 1001 }),
      ...runningTask("moved", { hostPort: 1002, labels: { "muster.tags": "blue" } }),
      ...runningTask("new", { hostPort: 1003, name: "api" }),
      synced(),
    ];
    const { code, out } = await plan(partsOf([telling("docker", facts)], [registry]));
    expect(code).toBe(3);
    expect(out.split("\n")).toEqual([
      "fake, node n1: 1 to register, 1 to update, 1 to deregister, 1 as they should be",
      "  - web  fake:gone:8080  10.0.0.1:1000/tcp",
      "  ~ web  fake:moved:8080  10.0.0.1:1002/tcp",
      '      tags.0: (none) → "blue"',
      "  + api  fake:new:8080  10.0.0.1:1003/tcp",
      "",
      "3 changes pending; muster run would make them",
      "",
    ]);
  });

  it("--details tells the content of what is new, without what is empty", async () => {
    const facts = [...runningTask("new", { labels: { "muster.tags": "blue" } }), synced()];
    const { out } = await plan(partsOf([telling("docker", facts)], [createFakeRegistry()]), ["--details"]);
    expect(out.split("\n").slice(1, 7)).toEqual([
      "  + web  fake:new:8080  10.0.0.1:32768/tcp",
      '      service: "web"',
      '      address: "10.0.0.1"',
      "      port: 32768",
      '      tags: ["blue"]',
      "",
    ]);
  });

  it("writes nothing, lists each registry once, tells the adapters so, and opens no audit log", async () => {
    const registry = await holding("gone");
    const before = new Map(registry.entries);
    const { code } = await plan(partsOf([telling("docker", [...runningTask("new", {}), synced()])], [registry]));
    expect(code).toBe(3);
    expect({ log: registry.log, lists: registry.lists }).toEqual({ log: [], lists: 1 });
    expect(registry.entries).toEqual(before);
    expect(contexts.map(({ readOnly }) => readOnly)).toEqual([true]);
    expect(await readdir(folder)).toEqual(["muster.yaml"]);
  });

  it("is JSON for machines, with what would be there", async () => {
    const { registries, inSync } = await report(
      partsOf([telling("docker", [...runningTask("t1", {}), synced()])], [createFakeRegistry()]),
    );
    expect(inSync).toBe(false);
    expect(registries).toMatchObject([
      {
        ...{ registry: "fake", scope: "node", error: null, unchanged: 0, kept: [], refused: [] },
        changes: [{ op: "register", key: "fake:t1:8080", service: "web", before: null, after: { port: 32768 } }],
      },
    ]);
  });

  it("of a node of a swarm leaves the service-level objects that are there to the leader", async () => {
    const gateway = createFakeGateway();
    const scene = createScene({ registry: gateway });
    const labels = { "muster.route.host": "old.example" };
    await scene.say(...runningTask("t1", { hostPort: 1000, labels }), synced());
    await scene.pass();
    const facts = runningTask("t1", { hostPort: 1000, labels: { "muster.route.host": "new.example" } });
    const own = partsOf([telling("docker", [...facts, synced()])], [gateway]);
    const ofSwarm: LookingParts = {
      ...own,
      load: async (scope, context) => ({ ...(await own.load(scope, context)), swarm: "swarm" }),
    };
    expect((await report(own)).registries[0]?.changes.map(({ key }) => key)).toEqual(["route:web.0"]);
    expect((await report(ofSwarm)).registries[0]?.changes).toEqual([]);
  });

  it("shows what would be done even where policy.dryRun is on", async () => {
    const { registries } = await report(
      partsOf([telling("docker", [...runningTask("t1", {}), synced()])], [createFakeRegistry()]),
      "{ dryRun: true }",
    );
    expect(registries[0]?.changes).toHaveLength(1);
  });

  it("removes nothing in upsert-only, and says why it stays", async () => {
    const registry = await holding("gone");
    const parts = partsOf([telling("docker", [synced()])], [registry]);
    const { registries, inSync } = await report(parts, "{ mode: upsert-only }");
    expect(inSync).toBe(true);
    expect(registries[0]?.kept).toMatchObject([{ key: "fake:gone:8080", why: expect.stringContaining("upsert-only") }]);
  });

  it("shows what the mass-delete guard holds back (rule 4)", async () => {
    const registry = await holding("a", "b", "c");
    const parts = partsOf([telling("docker", [synced({ trust: "whole" })])], [registry]);
    const { registries } = await report(parts, "{ massDelete: { max: 1, percent: 10 } }");
    expect(registries[0]).toMatchObject({
      changes: [],
      kept: [{}, {}, { why: expect.stringContaining("listed by no source") }],
    });
  });

  it("shows what can't be registered, and what is not ready, and changes the rest", async () => {
    const facts = [
      ...runningTask("odd", { name: "unprojectable" }),
      ...runningTask("fine", { hostPort: 2 }),
      { ...runningTask("late", { hostPort: 3 })[5], status: "paused" as const },
      ...runningTask("late", { hostPort: 3 }).slice(0, 5),
      synced(),
    ];
    const { code, out } = await plan(partsOf([telling("docker", facts)], [createFakeRegistry()]));
    expect(code).toBe(3);
    expect(out).toContain("  ! unprojectable  odd:8080: fake: unprojectable can't be registered here");
    expect(out).toContain("  + web  fake:fine:8080");
    expect(out).toContain("not registered yet:\n  web  late:8080  waits for status");
  });
});

describe("failures", () => {
  it("a registry that can't be read is 1, and the others are shown (registries fail alone)", async () => {
    const broken = createFakeRegistry("broken");
    broken.onList = () => new Error("broken: list: connection refused");
    const source = telling("docker", [...runningTask("t1", {}), synced()]);
    const { code, out } = await plan(partsOf([source], [broken, createFakeRegistry()]));
    expect(code).toBe(1);
    expect(out).toContain("broken, node n1: can't be read: broken: list: connection refused");
    expect(out).toContain("+ web  fake:t1:8080");
    expect(out).toContain("1 of 2 registries can't be read; 1 change pending");
  });

  it("a source that never lists is 1, after the time limit, and there is no plan (rule 1)", async () => {
    const registry = await holding("t1");
    const { code, out, err } = await plan(partsOf([telling("docker", runningTask("t1", {}))], [registry]), [
      "--timeout",
      "300ms",
    ]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toBe("not done within 0.3 s\n");
    expect(registry.lists).toBe(0);
  });

  it("a source that ends of itself is 1", async () => {
    const ended: Source = { name: "docker", async *events() {} };
    const { code, err } = await plan(partsOf([ended], [createFakeRegistry()]));
    expect({ code, err }).toEqual({ code: 1, err: "source docker ended by itself\n" });
  });

  it("a node that can't be identified is 1, with the reason", async () => {
    const parts: LookingParts = {
      ...partsOf([], []),
      identify(signal, onFailure) {
        onFailure("docker: cannot reach unix:///nowhere");
        return new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason), { once: true });
        });
      },
    };
    const { code, err } = await plan(parts, ["--timeout", "100ms"]);
    expect({ code, err }).toEqual({
      code: 1,
      err: "this node can't be identified: docker: cannot reach unix:///nowhere\n",
    });
  });

  it("a wrong configuration is 2, a wrong duration as well", async () => {
    expect((await plan(partsOf([], []), [], "{ mode: odd }")).code).toBe(2);
    expect((await plan(partsOf([], []), ["--timeout", "soon"])).code).toBe(2);
  });

  it("--quiet says nothing", async () => {
    const source = telling("docker", [...runningTask("t1", {}), synced()]);
    expect(await plan(partsOf([source], [createFakeRegistry()]), ["-q"])).toEqual({ code: 3, out: "", err: "" });
  });
});

describe("differences", () => {
  it("are told leaf by leaf", () => {
    expect(differences({ a: 1, b: { c: [1, 2] }, d: null }, { a: 1, b: { c: [1, 3, 4] }, e: "x" })).toEqual([
      { path: "b.c.1", before: 2, after: 3 },
      { path: "b.c.2", before: undefined, after: 4 },
      { path: "d", before: null, after: undefined },
      { path: "e", before: undefined, after: "x" },
    ]);
    expect(differences({ a: {} }, { a: {} })).toEqual([]);
    expect(differences(1, [1])).toEqual([{ path: "", before: 1, after: [1] }]);
  });
});
