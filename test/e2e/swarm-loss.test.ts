/** Nodes of a real swarm that lose power, the leader among them, and one that is cut off: nothing stays stale, nothing living goes. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startFakeKong } from "../fakes/kong/kong.ts";
import { serve } from "../fakes/kong/serving.ts";
import { labAvailable } from "../lab/available.ts";
import { startConsul } from "../lab/consul.ts";
import type { SwarmNode } from "../lab/swarm.ts";
import { until } from "../lab/wait.ts";
import { type Fleet, startFleet } from "./swarm-fleet.ts";

const { skip, reason } = await labAvailable("engine");
/** A swarm takes some 15 s to see that a node is down, and some 12 s to have a new leader. */
const LATER = { timeoutMs: 90_000, everyMs: 100 };

describe.skipIf(skip)(`a swarm of three managers and a worker ${reason}`, { timeout: 240_000 }, () => {
  let fleet: Fleet;
  beforeAll(async () => {
    const [consul, kong] = await Promise.all([startConsul(), startFakeKong()]);
    fleet = await startFleet({ consul, kong, managers: 3, workers: 1 });
    await fleet.create("web", 6, "--label", "muster.route.host=web.example", "--restart-delay", "0s");
    await fleet.converges({ web: 6 });
  }, 240_000);
  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]();
  });

  /** What is registered of `web`, with whatever else, on nodes that live. */
  async function livingEntries(dead: SwarmNode): Promise<readonly string[]> {
    const living = fleet.swarm.nodes.filter(({ id }) => id !== dead.id);
    return (await Promise.all(living.map(fleet.entriesOf))).flat();
  }

  it("a worker's entries are gone after its power loss, and come back right when it boots", async () => {
    const worker = fleet.swarm.nodes[3] as SwarmNode;
    await until(async () => (await fleet.entriesOf(worker)).length > 0, { ...LATER, what: "entries of the worker" });

    await fleet.lose(worker);
    await until(async () => (await fleet.entriesOf(worker)).length === 0, { ...LATER, what: "no entries of the dead" });
    await fleet.converges({ web: 6 });

    await fleet.boot(worker);
    await fleet.swarm.docker(["service", "update", "--detach", "--force", "web"]);
    await fleet.updated("web", "lab/web:v1");
    await fleet.converges({ web: 6 });
  });

  it("when the leader is lost nothing living is deregistered, and another leads", async () => {
    const leader = await fleet.swarm.leader();
    const before = await livingEntries(leader);
    let lost = 0;
    const watching = new AbortController();
    const watch = (async () => {
      while (!watching.signal.aborted) {
        const now = new Set(await livingEntries(leader));
        if (!before.every((entry) => now.has(entry))) lost++;
      }
    })();

    await fleet.lose(leader);
    await until(async () => (await fleet.entriesOf(leader)).length === 0, { ...LATER, what: "no entries of the dead" });
    watching.abort();
    await watch;

    expect(lost, "looks that missed something living").toBe(0);
    await fleet.converges({ web: 6 });
    await fleet.swarm.docker(["service", "update", "--detach", "--label-add", "muster.route.host=new.example", "web"]);
    const routed = () => serve(fleet.kong.world, { host: "new.example", path: "/" })?.targets.length;
    await until(() => routed() === 6, { ...LATER, what: "the new leader to change the route" });
    await fleet.boot(leader);
    await fleet.converges({ web: 6 });
  });

  it("a worker that is cut off and comes back ends with everything equal", async () => {
    const worker = fleet.swarm.nodes[3] as SwarmNode;

    await worker.partition();
    await fleet.swarm.untilState(worker, "down", 90_000);
    await worker.heal();
    await fleet.swarm.untilState(worker, "ready", 90_000);

    await fleet.swarm.untilRunning("web", 6, 60_000);
    await fleet.converges({ web: 6 });
  });
});
