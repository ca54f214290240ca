/** What goes wrong between Marathon and Muster: losses, disorder, fail-overs, listings that lie. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../adapters/sources/marathon/limits.ts";
import type { AppSpec } from "../lab/marathon/spec.ts";
import { type Landscape, openLandscape } from "../unit/marathon/landscape.ts";

const WEB: AppSpec = { id: "/web", ports: [0], instances: 4, healthChecks: [{ protocol: "HTTP" }] };

async function openWeb(options: Parameters<typeof openLandscape>[0] = {}): Promise<Landscape> {
  const land = await openLandscape(options);
  land.marathon.cluster.deploy(WEB);
  await land.synced(1);
  await land.agrees();
  return land;
}

describe("marathon source, when much happens at once", () => {
  it("starts 1,000 tasks of 50 apps with at most 10 GETs beyond the first listing, none missing", async () => {
    await using land = await openLandscape({ marathon: { agents: 100 }, setup: { limits: LIMITS } });
    const { cluster, hits } = land.marathon;
    await land.synced(1);
    hits.reset();

    for (let app = 0; app < 50; app++)
      cluster.deploy({ id: `/load/app-${app}`, instances: 20, ports: [0], healthChecks: [{ protocol: "HTTP" }] });

    await land.agrees();
    expect(land.registered()).toHaveLength(1_000);
    expect(hits.gets()).toBeLessThanOrEqual(10);
  });
});

describe("marathon source, when events are lost", () => {
  it("finds out by a listing what no event told", async () => {
    await using land = await openWeb();
    const { cluster, faults } = land.marathon;
    faults.lose(true);
    cluster.killTask(cluster.tasks("/web")[0] ?? "");
    cluster.scale("/web", 6);
    faults.lose(false);
    land.resync();
    await land.agrees();
    expect(land.registered()).toHaveLength(6);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])("sorts out what is reordered, repeated, late and lost (seed %s)", async (seed) => {
    await using land = await openWeb({ marathon: { version: seed % 2 === 0 ? "1.8" : "1.4", seed } });
    const { cluster, faults } = land.marathon;
    faults.scramble({ seed, window: 8, drop: 0.1, repeat: 0.2, late: 0.1 });
    for (let round = 0; round < 5; round++) {
      cluster.restart("/web");
      cluster.crash(cluster.tasks("/web")[round % 3] ?? "");
      cluster.scale("/web", 3 + (round % 4));
    }
    faults.scramble(null);
    land.resync();
    await land.agrees();
  });
});

describe("marathon source, when the leader changes", () => {
  it("keeps what was healthy, and doubts its listing at first", async () => {
    await using land = await openWeb({ marathon: { nodes: 3, health: "manual", version: "1.8" } });
    const { cluster } = land.marathon;
    for (const task of cluster.tasks()) cluster.setHealth(task, 0, true);
    await land.agrees();
    expect(land.registered()).toHaveLength(4);
    cluster.failover({ skewMs: -60_000 });
    await land.synced(2);
    expect(land.registered()).toHaveLength(4);
    expect(land.facts.filter(({ kind }) => kind === "synced")).toMatchObject([
      { trust: "doubtful" },
      { trust: "doubtful" },
    ]);
    const [task = ""] = cluster.tasks();
    cluster.setHealth(task, 0, false);
    await land.agrees();
    expect(land.registered()).toHaveLength(3);
  });

  it("goes where the leader is, by redirection and when its own Marathon is down", async () => {
    await using land = await openWeb({ marathon: { nodes: 3, version: "1.10" } });
    const { cluster, faults } = land.marathon;
    cluster.failover({ windowMs: 100 });
    cluster.scale("/web", 5);
    await land.agrees();
    await faults.down(0);
    cluster.failover();
    cluster.scale("/web", 2);
    await land.agrees();
    expect(land.registered()).toHaveLength(2);
  });

  it("backs off from a Marathon that grants the stream and ends it at once", async () => {
    await using land = await openWeb({ marathon: { nodes: 2, version: "1.5" } });
    const { cluster, faults, hits } = land.marathon;
    faults.inactive(0, true);
    hits.reset();
    faults.cut("reset");
    await land.until("another attempt", () => hits.attaches() >= 1);
    cluster.scale("/web", 1);
    await land.agrees();
    expect(hits.attaches()).toBeLessThan(12);
  });
});

describe("marathon source, when a listing lies", () => {
  it.each(["empty", "halved"] as const)("removes nothing because of one that is %s", async (extent) => {
    await using land = await openWeb({ setup: { limits: { guardedLook: 60_000 } } });
    const { cluster, faults } = land.marathon;
    cluster.deploy({ ...WEB, id: "/shop" });
    await land.agrees();
    faults.listing(extent);
    const before = land.facts.filter(({ kind }) => kind === "synced").length;
    land.resync();
    await land.synced(before + 1);
    expect(land.registered()).toHaveLength(8);
    await land.agrees();
  });

  it("removes what a second look confirms", async () => {
    await using land = await openWeb();
    const { cluster, faults } = land.marathon;
    faults.lose(true);
    cluster.destroy("/web");
    faults.lose(false);
    land.resync();
    await land.agrees();
    expect(land.registered()).toEqual([]);
  });

  it("keeps everything while Marathon answers with errors", async () => {
    await using land = await openWeb();
    const { faults, hits } = land.marathon;
    faults.fail(503, { times: 2, path: "/v2/apps" });
    hits.reset();
    land.resync();
    await land.until("a failed listing", () => hits.gets("/v2/apps") >= 1);
    expect(land.registered()).toHaveLength(4);
    await land.synced(2);
    expect(land.registered()).toHaveLength(4);
  });

  it("does not bring a dead task back for an answer from before its end", async () => {
    await using land = await openWeb();
    const { cluster, faults } = land.marathon;
    faults.stale(50);
    const [task = ""] = cluster.tasks("/web");
    cluster.killTask(task);
    await land.until("its end", () => land.world.instancesOfTask(task).length === 0);
    land.resync();
    await land.synced(2);
    expect(land.world.instancesOfTask(task)).toEqual([]);
    faults.stale(0);
    await land.agrees();
  });

  it("finds a version's definition before the root shows it, and asks again where it is not there yet", async () => {
    await using land = await openWeb();
    const { cluster, faults } = land.marathon;
    faults.delayRoot(500);
    faults.fail(404, { path: /versions/, times: 2 });
    cluster.restart("/web");
    await land.agrees();
  });
});
