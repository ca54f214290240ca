/** deploy/swarm's way to the engine: HAProxy with the very configuration of the stack, in front of a lab engine. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openEngine } from "../../adapters/sources/docker/client.ts";
import { labAvailable } from "../lab/available.ts";
import { engineApi } from "../lab/docker-api.ts";
import { type Engine, startEngine } from "../lab/engine.ts";
import { tool } from "../lab/packages.ts";
import { freePorts } from "../lab/ports.ts";
import { end, serve, whileRunning } from "../lab/run.ts";
import { until } from "../lab/wait.ts";
import { DEPLOY } from "../unit/deploy-stack.ts";

const lab = [await labAvailable("engine"), await labAvailable("haproxy")];
const reason = lab.map((each) => each.reason).find((text) => text !== "") ?? "";
const ANY_ID = "0123456789ab";

describe.skipIf(lab.some(({ skip }) => skip))(`engine-proxy ${reason}`, () => {
  const signal = AbortSignal.timeout(60_000);
  let engine: Engine;
  let proxy: ReturnType<typeof serve>;
  let folder: string;
  let socket: string;
  let health: string;
  let container: string;

  beforeAll(async () => {
    engine = await startEngine();
    await engine.docker(["swarm", "init", "--advertise-addr", engine.address]);
    container = (await engine.docker(["run", "--detach", "--name", "web", "lab/web:v1"])).trim();
    folder = await mkdtemp(join(tmpdir(), "muster-proxy-"));
    socket = join(folder, "docker.sock");
    const [port] = await freePorts(1);
    health = `http://127.0.0.1:${port}/healthz`;
    const file = join(folder, "haproxy.cfg");
    const text = await readFile(`${DEPLOY}swarm/config/engine-proxy.cfg`, "utf8");
    const here = {
      "/run/engine/docker.sock": socket,
      "/var/run/docker.sock": engine.socket,
      "127.0.0.1:8404": `127.0.0.1:${port}`,
    };
    await writeFile(
      file,
      Object.entries(here).reduce((all, [there, path]) => all.replace(there, path), text),
    );
    const { path, env } = await tool("haproxy");
    proxy = serve(path, ["-f", file, "-db"], { env, stdio: "ignore" });
    const isUp = async () => (await fetch(health)).ok;
    await until(isUp, { timeoutMs: 10_000, what: "the proxy", signal: whileRunning(proxy) });
  });
  afterAll(async () => {
    if (proxy !== undefined) await end(proxy, "SIGKILL");
    await engine?.[Symbol.asyncDispose]();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  function ask(method: string, path: string): Promise<string> {
    return engineApi(socket, {
      method,
      path,
      signal: AbortSignal.timeout(10_000),
      ...(method === "POST" && { body: "{}" }),
    });
  }

  it("lets everything through that Muster asks of an engine", async () => {
    const through = await openEngine({ host: `unix://${socket}`, expose: "labelled", timeout: 5000 });
    try {
      expect(await through.info(signal)).toMatchObject({ Swarm: { ControlAvailable: true } });
      expect(await through.containers(signal)).toMatchObject([{ Id: container }]);
      expect(await through.inspect(container, signal)).toMatchObject({ Name: "/web" });
      const networks = (await through.networks(signal)) as readonly { Id: string; Name: string }[];
      const ingress = networks.find(({ Name }) => Name === "ingress")?.Id ?? "";
      for (const id of ["ingress", ingress])
        expect(await through.network(id, signal)).toMatchObject({ Name: "ingress" });
      for (const list of ["services", "tasks"] as const) expect(await through[list](signal)).toEqual([]);
      expect(await through.nodes(signal)).toHaveLength(1);
    } finally {
      through.close();
    }
  });

  it("passes events on as they come", async () => {
    const through = await openEngine({ host: `unix://${socket}`, expose: "labelled", timeout: 5000 });
    const stop = new AbortController();
    try {
      const events = await through.events(null, stop.signal);
      const first = new Promise((resolve) => events.once("data", (chunk: Buffer) => resolve(String(chunk))));
      events.on("error", () => {});
      const swarm = await through.swarmEvents(stop.signal);
      swarm.on("error", () => {});
      await engine.docker(["restart", "--time", "0", "web"]);
      expect(await first).toContain(container);
    } finally {
      stop.abort();
      through.close();
    }
  });

  it.each([
    "/secrets",
    "/configs",
    "/swarm",
    "/swarm/unlockkey",
    "/volumes",
    "/images/json",
    "/plugins",
    "/session",
    `/containers/${ANY_ID}/logs?stdout=1`,
    `/containers/${ANY_ID}/archive?path=/etc/passwd`,
    `/containers/${ANY_ID}/export`,
    `/containers/${ANY_ID}/attach/ws?stream=1`,
    `/containers/${ANY_ID}/../../secrets`,
    `/containers/json/../${ANY_ID}/export`,
    "/containers/json/",
    "//secrets",
    "/v1.41/secrets",
    "/v1.41/../secrets",
    "/%73ecrets",
    "/info%2f..%2fsecrets",
  ])("refuses GET %s", async (path) => {
    await expect(ask("GET", path)).rejects.toThrow(/ 403 /);
  });

  it.each([
    ["POST", "/containers/create"],
    ["POST", "/containers/create?path=/info"],
    ["POST", `/containers/${ANY_ID}/exec`],
    ["POST", `/containers/${ANY_ID}/stop`],
    ["POST", "/services/create"],
    ["POST", "/info"],
    ["DELETE", "/containers/json"],
    ["PUT", "/info"],
    ["HEAD", "/info"],
  ])("refuses %s %s", async (method, path) => {
    await expect(ask(method, path)).rejects.toThrow(/ 405/);
  });

  it("is not healthy without its engine, and again when that is back", async () => {
    await engine.terminateDaemon();
    const says = (status: number) => async () => (await fetch(health)).status === status;
    await until(says(503), { timeoutMs: 20_000, what: "the health check to fail" });

    await engine.startDaemon();

    await until(says(200), { timeoutMs: 20_000, what: "the health check to pass" });
    expect(JSON.parse(await ask("GET", "/info"))).toMatchObject({ Name: engine.name });
  });
});
