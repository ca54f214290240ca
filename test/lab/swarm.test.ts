import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { labAvailable } from "./available.ts";
import { type Swarm, startSwarm } from "./swarm.ts";

const engines = await labAvailable("engine");

describe.skipIf(engines.skip)(`swarm ${engines.reason}`, { timeout: 60_000 }, () => {
  let swarm: Swarm;
  beforeAll(async () => {
    swarm = await startSwarm({ managers: 1, workers: 2 });
  }, 120_000);
  afterAll(() => swarm?.[Symbol.asyncDispose]());

  it("has three nodes of which one leads", async () => {
    const rows = await swarm.rows();

    expect(rows.map(({ id }) => id).sort()).toEqual(swarm.nodes.map(({ id }) => id).sort());
    expect(rows.filter(({ isManager }) => isManager)).toHaveLength(1);
    expect(rows.every(({ state }) => state === "ready")).toBe(true);
    expect((await swarm.leader()).id).toBe(swarm.nodes[0]?.id);
  });

  it("runs a service on all of them, reached at each node's address", async () => {
    const publish = "mode=host,target=8080,published=8080";
    await swarm.docker([
      "service",
      "create",
      "--detach",
      "--mode",
      "global",
      "--name",
      "web",
      "--publish",
      publish,
      "lab/web:v1",
    ]);

    await swarm.untilRunning("web", 3);

    const answers = swarm.nodes.map(async ({ address }) => (await fetch(`http://${address}:8080/version`)).text());
    expect(await Promise.all(answers)).toEqual(["v1\n", "v1\n", "v1\n"]);
  });

  it("promotes and demotes", async () => {
    const node = swarm.nodes[1];
    if (node === undefined) throw new Error("no node");

    await swarm.promote(node);
    expect((await swarm.rows()).filter(({ isManager }) => isManager)).toHaveLength(2);
    await swarm.demote(node);

    expect((await swarm.rows()).filter(({ isManager }) => isManager)).toHaveLength(1);
  });

  it("notices a node that is cut off, and its return", async () => {
    const node = swarm.nodes[2];
    if (node === undefined) throw new Error("no node");

    await node.partition();
    await swarm.untilState(node, "down");
    const running = await node.docker(["ps", "--quiet"]);
    await node.heal();
    await swarm.untilState(node, "ready");

    expect(running.trim(), "runs on while it is cut off").not.toBe("");
  });
});
