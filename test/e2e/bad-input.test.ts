/** Bad input of every kind gets one clear line that names the thing and the remedy, and harms nothing else. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { labAvailable } from "../lab/available.ts";
import { startConsul } from "../lab/consul.ts";
import { engineApi } from "../lab/docker-api.ts";
import { startEngine } from "../lab/engine.ts";
import { freePorts } from "../lab/ports.ts";
import { until } from "../lab/wait.ts";
import { services } from "./fleet.ts";
import { startMuster } from "./muster.ts";
import { muster, runProgram } from "./program.ts";

const { skip, reason } = await labAvailable("engine");

describe("bad configuration", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "muster-bad-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each([
    ["an unknown key", "polcy: { mode: sync }", /polcy.*policy/],
    ["a wrong type", "policy: { resync: 60 }", /policy\.resync.*such as 30s/],
    [
      "a value out of range",
      "registries: { consul: { url: 'http://127.0.0.1:70000' } }",
      /registries\.consul\.url.*expected/,
    ],
    [
      "an unreadable token file",
      "registries: { consul: { tokenFile: /nowhere/token } }",
      /registries\.consul\.tokenFile.*\/nowhere\/token/,
    ],
    ["no token beyond loopback", "http: { listen: '0.0.0.0:8590' }", /http\.tokenFile.*required/],
    ["broken YAML", "policy: { mode: sync", /bad\.yaml:\d+/],
  ])("%s: exit 2 and one line", async (_what, text, expected) => {
    const file = join(folder, "bad.yaml");
    await writeFile(file, `${text}\n`);
    for (const args of [
      ["run", "-c", file],
      ["config", "check", file],
    ]) {
      const { code, out, err } = await muster(args);
      expect(code).toBe(2);
      expect(out).toBe("");
      const lines = err.trim().split("\n");
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatch(expected);
    }
  });

  it("an unreachable socket: says so once, answers the API, and goes on trying", async () => {
    const [port = 0] = await freePorts(1);
    const program = runProgram([], port, {
      MUSTER_SOURCES__DOCKER__HOST: "unix:///nowhere/docker.sock",
      MUSTER_AUDIT__PATH: join(folder, "audit.jsonl"),
    });
    try {
      await until(async () => program.log.includes("/nowhere/docker.sock"), {
        timeoutMs: 10_000,
        what: "the line about the socket",
      });
      const lines = program.log.split("\n").filter((line) => line.includes("/nowhere/docker.sock"));
      expect(lines).toHaveLength(1);
      expect((await fetch(`${program.url}/healthz`)).status).toBe(200);
      const ready = await fetch(`${program.url}/readyz`);
      expect(ready.status).toBe(503);
      expect(await ready.text()).toContain("/nowhere/docker.sock");
      const { sources } = (await (await fetch(`${program.url}/v1/sources`)).json()) as { sources: unknown[] };
      expect(sources).toMatchObject([
        { name: "docker", state: "connecting", synced: false, error: expect.stringContaining("/nowhere/docker.sock") },
      ]);
    } finally {
      expect(await program.stop()).toBe(0);
    }
  });

  it("an address that is taken: exit 1 and one line", async () => {
    const [port = 0] = await freePorts(1);
    const env = { MUSTER_SOURCES__STATIC: "{}", MUSTER_AUDIT__PATH: join(folder, "first.jsonl") };
    const first = runProgram([], port, env);
    try {
      await until(async () => (await fetch(`${first.url}/healthz`)).ok, { timeoutMs: 10_000, what: "the first one" });
      const { code, err } = await muster(["run"], {
        ...env,
        MUSTER_HTTP__LISTEN: `127.0.0.1:${port}`,
        MUSTER_AUDIT__PATH: join(folder, "second.jsonl"),
      });
      expect(code).toBe(1);
      expect(err).toContain(`can't listen on 127.0.0.1:${port}: another program`);
    } finally {
      await first.stop();
    }
  });
});

describe.skipIf(skip)(`bad and hostile labels on a real engine ${reason}`, () => {
  it("are each reported on their own instance in one line, and harm nobody else", { timeout: 60_000 }, async () => {
    await using engine = await startEngine();
    await using consul = await startConsul();
    await consul.request({
      method: "PUT",
      path: "/v1/agent/service/register",
      body: { ID: "theirs", Name: "theirs", Port: 1 },
    });
    await using running = await startMuster(`
      node: { id: n1, address: ${engine.address} }
      sources: { docker: { host: "unix://${engine.socket}" } }
      registries: { consul: { url: "${consul.url}" } }`);
    await running.ready();
    const labels: Record<string, Record<string, string>> = {
      fine: { "muster.name": "fine" },
      port: { "muster.name": "port", "muster.port": "70000,7002" },
      long: { "muster.name": "long", "muster.meta.story": "x".repeat(10_000) },
      control: { "muster.name": "control", "muster.tags": "a\u0000b,ok" },
      stolen: { "muster.name": "stolen", SERVICE_ID: "theirs" },
      marked: { "muster.name": "marked", "muster.meta.muster_owner": "default/other" },
      secret: { "muster.name": "secret", "muster.meta.db_password": "hunter2" },
      unknown: { "muster.name": "unknown", "muster.wieght": "3" },
      proto: { "muster.name": "proto", "muster.meta.__proto__": "polluted" },
    };
    for (const [index, [name, own]] of Object.entries(labels).entries()) {
      const body = JSON.stringify({
        Image: "lab/sleep:v1",
        Labels: { "muster.port": String(7001 + index), ...own },
        HostConfig: { NetworkMode: "host" },
      });
      const { Id } = JSON.parse(
        await engineApi(engine.socket, { method: "POST", path: `/containers/create?name=x-${name}`, body }),
      ) as { Id: string };
      await engineApi(engine.socket, { method: "POST", path: `/containers/${Id}/start` });
    }

    await until(async () => (await services(consul)).length === Object.keys(labels).length + 1, {
      timeoutMs: 10_000,
      what: "all of them in Consul",
    });
    const notes = new Map((await running.instances()).map(({ service, notes: own }) => [service, own]));
    expect(notes.get("fine")).toEqual([]);
    for (const name of Object.keys(labels).filter((other) => other !== "fine"))
      expect([name, notes.get(name)?.length]).toEqual([name, 1]);
    expect(notes.get("port")?.[0]).toMatch(/muster\.port.*70000/);
    expect(notes.get("unknown")?.[0]).toContain("muster.weight");
    expect(notes.get("stolen")?.[0]).toContain("SERVICE_ID");
    const held = await services(consul);
    expect(held.find(({ ID }) => ID === "theirs")).toMatchObject({ Service: "theirs", Port: 1 });
    expect(held.find(({ Service }) => Service === "control")?.Tags).toEqual(["ok"]);
    expect(JSON.stringify(held)).not.toContain("hunter2");
    expect(JSON.stringify(await running.instances())).not.toContain("hunter2");
    expect(held.find(({ Service }) => Service === "marked")?.Meta["muster_owner"]).toBe("default/n1");
  });
});
