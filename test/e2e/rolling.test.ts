/** A rolling replacement of real containers under a steady load, through a real HAProxy and the example adapter. */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { labAvailable } from "../lab/available.ts";
import { type Engine, startEngine } from "../lab/engine.ts";
import { type Haproxy, startHaproxy } from "../lab/haproxy.ts";
import { startLoad } from "../lab/load.ts";
import { until } from "../lab/wait.ts";
import { startMuster } from "./muster.ts";
import { type App, createApp } from "./rolling-app.ts";

const labs = await Promise.all([labAvailable("engine"), labAvailable("haproxy")]);
const skip = labs.some((lab) => lab.skip);
const reason = labs.map((lab) => lab.reason).join(" ");

/** The example's own configuration. */
const example = await readFile("examples/haproxy/haproxy.cfg", "utf8");

interface Case {
  readonly title: string;
  readonly service: string;
  /** The application serves on after TERM until no request has come for so long, ms. */
  readonly quiet: number;
  readonly configuration: string;
}

const CASES: readonly Case[] = [
  {
    title: "an app that is closed at the signal, behind HAProxy as documented",
    service: "web",
    quiet: 0,
    configuration: example,
  },
  {
    title: "an app that serves on while requests come, behind a HAProxy that tries nothing twice",
    service: "shop",
    quiet: 1000,
    configuration: example.replace("retries 3", "retries 0").replace(/^.*(redispatch|retry).*\n/gm, ""),
  },
];

/** With places of our own to listen at. */
function start({ configuration, service }: Case): Promise<Haproxy> {
  return startHaproxy(({ socket, front }) =>
    configuration
      .replace("/run/haproxy/admin.sock", socket)
      .replace("bind :80", `bind ${front}`)
      .replaceAll("backend web", `backend ${service}`),
  );
}

/** What HAProxy says of its servers: `ready`, `drain` or `maint` by address. */
async function states({ runtime }: Haproxy): Promise<readonly string[]> {
  const rows = (await runtime("show servers state")).trim().split("\n").slice(2);
  const names: Readonly<Record<string, string>> = { 0: "ready", 1: "maint", 8: "drain" };
  return rows.map((row) => names[row.split(" ")[6] ?? ""] ?? row);
}

function untilStates(haproxy: Haproxy, wanted: readonly string[]): Promise<unknown> {
  return until(async () => [...(await states(haproxy))].sort(byText).join() === wanted.join(), {
    timeoutMs: 15_000,
    everyMs: 10,
    what: `HAProxy's servers to be ${wanted.join(", ")}`,
  });
}

describe.skipIf(skip)(`a rolling replacement under load ${reason}`, { timeout: 90_000 }, () => {
  let engine: Engine;
  let app: App;
  beforeAll(async () => {
    engine = await startEngine();
    app = await createApp(engine);
  });
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]();
    await app?.[Symbol.asyncDispose]();
  });

  function configuration(haproxy: Haproxy, service: string): string {
    return `
node: { id: n1, address: ${engine.address} }
sources: { docker: { host: "unix://${engine.socket}" } }
registries: { haproxy: { module: ./examples/haproxy/index.js, socket: ${haproxy.socket}, services: [${service}] } }
`;
  }

  it.concurrent.each(CASES.map((each) => [each.title, each] as const))("costs not one request: %s", async (_, each) => {
    const { service, quiet } = each;
    await using haproxy = await start(each);
    await using muster = await startMuster(configuration(haproxy, service));
    await muster.ready();
    const old = [1, 2, 3].map((n) => `${service}-old-${n}`);
    const young = [1, 2, 3].map((n) => `${service}-new-${n}`);
    await Promise.all(old.map((name) => app.start({ name, service, quiet })));
    await untilStates(haproxy, ["ready", "ready", "ready"]);

    const load = startLoad({ url: haproxy.url, rate: 150, timeoutMs: 10_000 });
    for (const [index, name] of young.entries()) {
      await app.start({ name, service, quiet });
      await untilStates(haproxy, ["ready", "ready", "ready", "ready"]);
      await app.stop(old[index] ?? "");
      await untilStates(haproxy, ["ready", "ready", "ready"]);
    }
    const { failures, bodies, requests } = await load.stop();

    expect(failures).toEqual([]);
    expect(requests).toBeGreaterThan(300);
    expect([...bodies.keys()].sort(byText)).toEqual([...young, ...old]);
    expect([...bodies.values()].reduce((sum, count) => sum + count)).toBe(requests);
    await Promise.all(young.map((name) => app.stop(name)));
    await untilStates(haproxy, []);
  });
});

describe("the load generator", () => {
  it("counts whatever is not a whole answer with status 200", async () => {
    let count = 0;
    const server = createServer((_, response) => {
      count += 1;
      if (count % 6 === 1) response.end("fine");
      else if (count % 6 === 2) response.writeHead(503).end("no server");
      else if (count % 6 === 3) response.socket?.resetAndDestroy();
      else if (count % 6 === 4)
        response.writeHead(200, { "content-length": 10 }).write("half", () => response.destroy());
      else if (count % 6 === 5) response.socket?.end("no HTTP\r\n\r\n");
      // Else it is never answered.
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    const { port } = server.address() as AddressInfo;
    const load = startLoad({ url: `http://127.0.0.1:${port}`, rate: 100, timeoutMs: 500 });
    await until(() => count >= 60, { timeoutMs: 5000, everyMs: 5, what: "60 requests" });
    const { requests, failures, bodies } = await load.stop();
    server.closeAllConnections();
    server.close();

    expect(requests).toBe((bodies.get("fine") ?? 0) + failures.length);
    expect(bodies.size).toBe(1);
    const kinds = new Set(failures.map(({ reason }) => reason.replace(/\d+ ms/, "N ms").replace(/ \(.*/, "")));
    expect(kinds).toEqual(new Set(["status 503", "ECONNRESET", "HPE_INVALID_CONSTANT", "no answer within N ms"]));
    expect(new Set(failures.map(({ connection }) => connection))).toEqual(new Set(["new", "kept"]));
  });
});

function byText(a: string, b: string): number {
  return a < b ? -1 : 1;
}
