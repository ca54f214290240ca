/** Rolling updates on a real swarm under a steady load, through a real HAProxy that the Musters of all nodes feed. */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startFakeKong } from "../fakes/kong/kong.ts";
import { labAvailable } from "../lab/available.ts";
import { startConsul } from "../lab/consul.ts";
import { type Haproxy, startHaproxy } from "../lab/haproxy.ts";
import { startLoad } from "../lab/load.ts";
import { until } from "../lab/wait.ts";
import { type Fleet, startFleet } from "./swarm-fleet.ts";

const labs = await Promise.all([labAvailable("engine"), labAvailable("haproxy")]);
const skip = labs.some((lab) => lab.skip);
const reason = labs.map((lab) => lab.reason).join(" ");
/** The example's own, but nothing is tried twice: a request that meets what is gone is lost, and counted. */
const example = (await readFile("examples/haproxy/haproxy.cfg", "utf8"))
  .replace("retries 3", "retries 0")
  .replace(/^.*(redispatch|retry).*\n/gm, "");
const REPLICAS = 4;

describe.skipIf(skip)(`rolling updates on a swarm under load ${reason}`, { timeout: 180_000 }, () => {
  let fleet: Fleet;
  let haproxy: Haproxy;
  beforeAll(async () => {
    haproxy = await startHaproxy(({ socket, front }) =>
      example.replace("/run/haproxy/admin.sock", socket).replace("bind :80", `bind ${front}`),
    );
    const registry = `haproxy: { module: ./examples/haproxy/index.js, socket: ${haproxy.socket}, services: [web] }`;
    fleet = await startFleet({ consul: await startConsul(), kong: await startFakeKong(), registry });
    // It is up before its first health check, and gone at once on TERM.
    const health = ["--health-cmd", "test -d /www", "--health-interval", "1s"];
    await fleet.create("web", REPLICAS, ...health, "--update-delay", "0s", "--update-monitor", "1s");
    await fleet.converges({ web: REPLICAS });
    await until(async () => (await servers()) === REPLICAS, { ...SOON, what: "HAProxy to have all" });
  }, 240_000);
  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]();
    await haproxy?.[Symbol.asyncDispose]();
  });

  const SOON = { timeoutMs: 30_000, everyMs: 50 };

  async function servers(): Promise<number> {
    const rows = (await haproxy.runtime("show servers state")).trim().split("\n").slice(2);
    return rows.filter((row) => row.split(" ")[6] === "0").length;
  }

  it.each(["stop-first", "start-first"])(
    "of 4 replicas that exit at once on TERM costs no request: %s",
    async (order) => {
      const image = order === "stop-first" ? "lab/web:v2" : "lab/web:v1";
      const load = startLoad({ url: `${haproxy.url}/version`, rate: 100, timeoutMs: 10_000 });

      await fleet.swarm.docker(["service", "update", "--detach", "--update-order", order, "--image", image, "web"]);
      await fleet.updated("web", image);
      await fleet.converges({ web: REPLICAS });
      await until(() => load.report.requests > 300, { ...SOON, what: "300 requests" });
      const { failures, bodies } = await load.stop();

      expect(failures).toEqual([]);
      expect(new Set([...bodies.keys()].map((body) => body.trim()))).toEqual(new Set(["v1", "v2"]));
    },
  );

  it("of Muster itself costs no request, and nothing is written again", async () => {
    const load = startLoad({ url: `${haproxy.url}/version`, rate: 100, timeoutMs: 10_000 });

    for (const node of fleet.swarm.nodes) await fleet.restart(node);
    await fleet.converges({ web: REPLICAS });
    await until(() => load.report.requests > 100, { ...SOON, what: "100 requests" });
    const { failures } = await load.stop();

    expect(failures).toEqual([]);
    // The audit logs are those of the new Musters.
    expect((await fleet.audited()).writes).toBe(0);
    expect(await servers()).toBe(REPLICAS);
  });
});
