import { describe, expect, it } from "vitest";
import { appIds, get } from "./ask.ts";
import { listen } from "./listener.ts";
import { startMarathon } from "./marathon.ts";

const APP = { id: "/web", instances: 2, portDefinitions: [{ port: 0 }] };

describe("faults of REST", () => {
  it("fails the next GETs of a path, and only those", async () => {
    await using marathon = await startMarathon();
    marathon.faults.fail(503, { path: "/v2/apps", times: 2 });
    const statuses = async (path: string) => (await get(marathon, path)).status;

    expect(await statuses("/v2/info")).toBe(200);
    expect([await statuses("/v2/apps"), await statuses("/v2/apps"), await statuses("/v2/apps")]).toEqual([
      503, 503, 200,
    ]);
  });

  it("answers as things were some events ago", async () => {
    await using marathon = await startMarathon();
    marathon.cluster.deploy(APP);
    const tasks = async () => (await get(marathon, "/v2/apps/web")).body.app.tasks.length;
    marathon.faults.stale(100);

    marathon.cluster.scale("/web", 3);
    expect(await tasks()).toBe(2);
    for (let event = 0; event < 100; event++) marathon.cluster.publish("any", {});
    expect(await tasks()).toBe(3);
    marathon.cluster.destroy("/web");
    expect(await tasks()).toBe(3);
    marathon.faults.stale(0);
    expect((await get(marathon, "/v2/apps/web")).status).toBe(404);
  });

  it("lists nothing, or the half, while an app by name is still there", async () => {
    await using marathon = await startMarathon();
    for (const id of ["/a", "/b", "/c", "/d"]) marathon.cluster.deploy({ id });

    marathon.faults.listing("empty");
    expect(await appIds(marathon)).toEqual([]);
    expect((await get(marathon, "/v2/tasks")).body).toEqual({ tasks: [] });
    expect((await get(marathon, "/v2/apps/a")).status).toBe(200);
    marathon.faults.listing("halved");
    expect(await appIds(marathon)).toEqual(["/a", "/b"]);
    marathon.faults.clear();
    expect(await appIds(marathon)).toHaveLength(4);
  });

  it("knows a version before it shows it", async () => {
    await using marathon = await startMarathon();
    marathon.cluster.deploy(APP);
    const old = marathon.cluster.truth()[0]?.version;
    marathon.faults.delayRoot(60_000);

    const { version } = marathon.cluster.restart("/web");

    expect(marathon.cluster.truth()[0]).toMatchObject({ version, running: true });
    expect((await get(marathon, "/v2/apps/web")).body.app.version).toBe(old);
    expect((await get(marathon, `/v2/apps/web/versions/${version}`)).body.version).toBe(version);
    marathon.cluster.tick(60_000);
    expect((await get(marathon, "/v2/apps/web")).body.app.version).toBe(version);
  });

  it("answers one path later than the others", async () => {
    await using marathon = await startMarathon();
    marathon.faults.slow(50, { path: "/v2/apps" });
    const order: string[] = [];

    await Promise.all(
      ["/v2/apps", "/v2/info"].map(async (path) => {
        await get(marathon, path);
        order.push(path);
      }),
    );

    expect(order).toEqual(["/v2/info", "/v2/apps"]);
  });

  it("holds an answer back that is already made up", async () => {
    await using marathon = await startMarathon();
    marathon.cluster.deploy(APP);
    const hold = marathon.faults.hold("/v2/apps");
    const answer = get(marathon, "/v2/apps");
    await hold.reached;

    marathon.cluster.destroy("/web");
    hold.release();

    expect((await answer).body.apps).toHaveLength(1);
  });

  it("counts GETs by path, without those of the stream", async () => {
    await using marathon = await startMarathon();
    using _listener = await listen(`${marathon.urls[0]}/v2/events`);

    await get(marathon, "/v2/apps?embed=apps.tasks");
    await get(marathon, "/v2/apps");
    await get(marathon, "/v2/apps/web");

    expect(marathon.hits.byPath()).toEqual({ "/v2/apps": 2, "/v2/apps/web": 1 });
    expect([marathon.hits.gets(), marathon.hits.gets(/^\/v2\/apps\//), marathon.hits.attaches()]).toEqual([3, 1, 1]);
    marathon.hits.reset();
    expect(marathon.hits.gets()).toBe(0);
  });
});
