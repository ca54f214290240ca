/** Rule 7: what a dead node left is removed by the leader, after a grace period, and only for nodes known to be dead. */
import { describe, expect, it } from "vitest";
import type { AuditInput } from "../../src/audit/record.ts";
import type { Fact, Registration } from "../../src/model.ts";
import { createReaper } from "../../src/reaper.ts";
import { createWorld } from "../../src/world.ts";
import { node, synced } from "../facts.ts";
import { createManualClock } from "../fakes/clock.ts";
import { createFakeRegistry } from "../fakes/registry.ts";
import { silent } from "../reconciling.ts";

const REAP_AFTER = 300_000;
const NODES = ["a", "b", "c"].map((letter) => letter.repeat(25));
const [A = "", B = "", GONE = ""] = NODES;

function entry(of: string, over: Partial<Registration> = {}): Registration {
  const base = { service: "web", source: "docker", endpoint: null, rank: 0, spec: {} };
  return { ...base, key: `web-${of}`, instance: `task-${of}:80`, task: `task-${of}`, node: of, ...over };
}

function nodes(states: Readonly<Record<string, "up" | "down" | "unknown">>, clock: number): readonly Fact[] {
  const facts = Object.entries(states).map(([id, state]) => node({ source: "swarm", node: id, state, clock }));
  const connected: Fact = {
    kind: "source",
    source: "swarm",
    clock,
    at: 0,
    via: "test",
    state: "connected",
    error: null,
  };
  return [connected, ...facts, synced({ source: "swarm", clock: clock + 1, floor: clock, trust: "whole" })];
}

function createScene(...entries: readonly Registration[]) {
  const world = createWorld({ sources: ["swarm"], schedule: (flush) => flush() });
  const clock = createManualClock();
  const audited: AuditInput[] = [];
  const registry = Object.assign(createFakeRegistry(), {
    listOthers: async () => [...registry.entries.values()].filter((each) => each.node !== undefined),
  });
  for (const each of entries) registry.entries.set(each.key, each);
  const sink = { audit: async (records: readonly AuditInput[]) => void audited.push(...records) };
  const reaper = createReaper({
    ...{ registries: [registry], world, source: "swarm", reapAfter: REAP_AFTER, sink, clock, log: silent },
  });
  const never = new AbortController().signal;
  return {
    ...{ world, clock, audited, registry },
    say(...facts: readonly Fact[]) {
      for (const fact of facts) world.join(fact);
    },
    look: () => reaper.look(never),
    async after(ms: number) {
      await clock.advance(ms);
      await reaper.look(never);
    },
    get keys() {
      return [...registry.entries.keys()].sort((a, b) => (a < b ? -1 : 1));
    },
  };
}

describe("what a dead node left", () => {
  it("is removed once the node has been down for the grace period, and audited", async () => {
    const scene = createScene(entry(A), entry(B));
    scene.say(...nodes({ [A]: "up", [B]: "down" }, 1));
    await scene.look();
    await scene.after(REAP_AFTER - 1);
    expect(scene.keys).toEqual([`web-${A}`, `web-${B}`]);
    await scene.after(1);
    expect(scene.keys).toEqual([`web-${A}`]);
    expect(scene.audited).toMatchObject([{ action: "deregister", id: `task-${B}:80`, ok: true }]);
    expect(scene.audited[0]?.cause).toMatchObject([{ kind: "node", by: "swarm" }]);
  });

  it("is removed for a node that has left the swarm, seen or not", async () => {
    const scene = createScene(entry(GONE));
    scene.say(...nodes({ [A]: "up" }, 1));
    await scene.look();
    await scene.after(REAP_AFTER);
    expect(scene.keys).toEqual([]);
  });

  it("stays if the node comes back in time, and the count begins anew", async () => {
    const scene = createScene(entry(B));
    scene.say(...nodes({ [A]: "up", [B]: "down" }, 1));
    await scene.look();
    await scene.after(REAP_AFTER - 1);
    scene.say(...nodes({ [A]: "up", [B]: "up" }, 10));
    await scene.look();
    scene.say(...nodes({ [A]: "up", [B]: "down" }, 20));
    await scene.after(REAP_AFTER - 1);
    await scene.after(REAP_AFTER - 1);
    expect(scene.keys).toEqual([`web-${B}`]);
    await scene.after(1);
    expect(scene.keys).toEqual([]);
  });

  it("is removed once only: a node that is cut off and registers again is not fought with", async () => {
    const scene = createScene(entry(B));
    scene.say(...nodes({ [B]: "down" }, 1));
    await scene.look();
    await scene.after(REAP_AFTER);
    scene.registry.entries.set(`web-${B}`, entry(B));
    await scene.after(REAP_AFTER);
    expect(scene.keys).toEqual([`web-${B}`]);
  });

  it("is known by its address where entries bear no marks, unless a living node has that now", async () => {
    const unmarked = (address: string) => {
      const { node: _, ...rest } = entry(address, { task: null, endpoint: `${address}:8080/tcp` });
      return rest;
    };
    const at = (id: string, address: string, state: "up" | "down", clock: number) =>
      node({ source: "swarm", node: id, address, state, clock });
    const scene = createScene(...["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(unmarked));
    scene.registry.listOthers = async () => [...scene.registry.entries.values()];
    scene.say(...nodes({}, 1), at(A, "10.0.0.1", "up", 2), at(B, "10.0.0.2", "down", 2));
    await scene.look();
    await scene.after(REAP_AFTER);
    expect(scene.keys, "no node was ever at 10.0.0.3").toEqual(["web-10.0.0.1", "web-10.0.0.3"]);

    const again = unmarked("10.0.0.1");
    scene.say(at(A, "10.0.0.1", "down", 3), at(GONE, "10.0.0.1", "up", 3));
    await scene.look();
    await scene.after(REAP_AFTER);
    expect(scene.keys).toEqual([again.key, "web-10.0.0.3"]);
  });

  it("is tried again until it is done", async () => {
    const scene = createScene(entry(B));
    scene.say(...nodes({ [B]: "down" }, 1));
    await scene.look();
    scene.registry.onApply = () => ({ ok: false, error: "fake: no", retry: true, ambiguous: false });
    await scene.after(REAP_AFTER);
    scene.registry.onApply = null;
    await scene.after(1_000);
    expect(scene.keys).toEqual([]);
  });
});

describe("nothing is removed", () => {
  it.each([
    ["of nodes that are up or unknown", { [A]: "up", [B]: "unknown" } as const, B],
    ["of engines outside of the swarm", { [A]: "up" } as const, "ABCD:EFGH:1234"],
    ["that is service-level", { [B]: "down" } as const, "service"],
  ])("%s", async (_what, states, id) => {
    const held = id === "service" ? entry(B, { instance: null, key: `web-${id}` }) : entry(id);
    const scene = createScene(held);
    scene.say(...nodes(states, 1));
    await scene.look();
    await scene.after(REAP_AFTER * 2);
    expect(scene.keys).toEqual([`web-${id}`]);
  });

  it("while the source is away, or before it has listed", async () => {
    const scene = createScene(entry(B));
    await scene.after(REAP_AFTER * 2);
    expect(scene.keys).toEqual([`web-${B}`]);
    scene.say(...nodes({ [B]: "down" }, 1));
    const away = { kind: "source", source: "swarm", clock: 5, at: 0, via: "test", error: "away" } as const;
    scene.say({ ...away, state: "disconnected" });
    await scene.after(REAP_AFTER * 2);
    expect(scene.keys).toEqual([`web-${B}`]);
  });
});
