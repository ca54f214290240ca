/** deploy/swarm's way to the engine, with and without `STOP_GATE=on`: which signals it lets Muster send. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FakeEngine, startFakeEngine } from "../fakes/docker-engine.ts";
import { labAvailable } from "../lab/available.ts";
import { engineApi } from "../lab/docker-api.ts";
import { tool } from "../lab/packages.ts";
import { freePorts } from "../lab/ports.ts";
import { end, serve, whileRunning } from "../lab/run.ts";
import { until } from "../lab/wait.ts";
import { DEPLOY } from "../unit/deploy-stack.ts";

const { skip, reason } = await labAvailable("haproxy");

interface ProxyProcess extends AsyncDisposable {
  /** @returns what the engine, or the proxy, answers */
  ask(method: string, path: string): Promise<string>;
}

async function startProxy(engine: FakeEngine, gate: string): Promise<ProxyProcess> {
  const folder = await mkdtemp(join(tmpdir(), "muster-gate-"));
  const socket = join(folder, "docker.sock");
  const [port] = await freePorts(1);
  const text = await readFile(`${DEPLOY}swarm/config/engine-proxy.cfg`, "utf8");
  const here = { "/run/engine/docker.sock": socket, "/var/run/docker.sock": engine.socket };
  const placed = Object.entries(here).reduce(
    (all, [there, path]) => all.replace(`unix@${there}`, `unix@${path}`),
    text,
  );
  const file = join(folder, "haproxy.cfg");
  await writeFile(file, placed.replace("127.0.0.1:8404", `127.0.0.1:${port}`));
  const { path, env } = await tool("haproxy");
  const child = serve(path, ["-f", file, "-db"], { env: { ...env, STOP_GATE: gate }, stdio: "ignore" });
  const isUp = async () => (await fetch(`http://127.0.0.1:${port}/healthz`)).ok;
  await until(isUp, { timeoutMs: 10_000, what: "the proxy", signal: whileRunning(child) });
  return {
    ask: (method, url) =>
      engineApi(socket, {
        ...{ method, path: url, signal: AbortSignal.timeout(10_000) },
        ...(method === "POST" && { body: "" }),
      }),
    async [Symbol.asyncDispose]() {
      await end(child, "SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

describe.skipIf(skip)(`engine-proxy and the stop gate ${reason}`, () => {
  let engine: FakeEngine;
  let open: ProxyProcess;
  let closed: ProxyProcess;
  let id: string;

  beforeAll(async () => {
    engine = await startFakeEngine();
    id = engine.run({ ignores: ["SIGTERM", "SIGINT", "SIGQUIT"] });
    open = await startProxy(engine, "on");
    closed = await startProxy(engine, "");
  });
  afterAll(async () => {
    await open?.[Symbol.asyncDispose]();
    await closed?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
  });

  it("lets the three signals through that a gate can send, and reads as before", async () => {
    for (const name of ["SIGTERM", "SIGINT", "SIGQUIT"])
      await open.ask("POST", `/containers/${id}/kill?signal=${name}`);
    await open.ask("POST", `/v1.41/containers/${id}/kill?signal=SIGTERM`);

    expect(engine.killed.map((line) => line.split(" ")[1])).toEqual(["SIGTERM", "SIGINT", "SIGQUIT", "SIGTERM"]);
    expect(JSON.parse(await open.ask("GET", "/info"))).toMatchObject({ Swarm: {} });
  });

  it.each([
    ["POST", "kill"],
    ["POST", "kill?signal=SIGKILL"],
    ["POST", "kill?signal=9"],
    ["POST", "kill?signal=SIGTERM&signal=SIGKILL"],
    ["POST", "kill?signal=SIGKILL&signal=SIGTERM"],
    ["POST", "kill?Signal=SIGKILL"],
    ["POST", "kill/?signal=SIGTERM"],
    ["POST", "stop"],
    ["POST", "exec?signal=SIGTERM"],
    ["DELETE", "kill?signal=SIGTERM"],
  ])("refuses %s /containers/ID/%s", async (method, rest) => {
    const before = engine.killed.length;
    await expect(open.ask(method, `/containers/${id}/${rest}`)).rejects.toThrow(/ 40[35]/);
    expect(engine.killed).toHaveLength(before);
  });

  it("refuses all of them where nobody asked for the gate", async () => {
    await expect(closed.ask("POST", `/containers/${id}/kill?signal=SIGTERM`)).rejects.toThrow(/ 405/);
  });
});
