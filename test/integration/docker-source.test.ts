/** The docker source on a real engine. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type SourceLab, testSource } from "../conformance/source.ts";
import { labAvailable } from "../lab/available.ts";
import { engineApi } from "../lab/docker-api.ts";
import { type Engine, startEngine } from "../lab/engine.ts";
import { until } from "../lab/wait.ts";
import { dockerSource } from "../unit/sources/docker-lab.ts";
import { type Watch, watchSource } from "../watch-source.ts";

const { skip, reason } = await labAvailable("engine");

interface Row {
  readonly Id: string;
  readonly Ports: readonly { readonly IP?: string; readonly PublicPort?: number }[];
}

async function listed(engine: Engine): Promise<readonly Row[]> {
  return JSON.parse(await engineApi(engine.socket, { path: "/containers/json" })) as Row[];
}

/** Quicker than the CLI, so that a burst is one. */
async function start(engine: Engine, image = "lab/sleep:v1"): Promise<string> {
  const body = JSON.stringify({
    Image: image,
    ExposedPorts: { "8080/tcp": {} },
    HostConfig: { PublishAllPorts: true },
  });
  const { Id } = JSON.parse(
    await engineApi(engine.socket, { method: "POST", path: "/containers/create", body }),
  ) as Row;
  await engineApi(engine.socket, { method: "POST", path: `/containers/${Id}/start` });
  return Id;
}

async function remove(engine: Engine, id: string): Promise<void> {
  await engineApi(engine.socket, { method: "DELETE", path: `/containers/${id}?force=1` });
}

/** What is told equals what the engine lists, host ports included. */
async function untilTrue(engine: Engine, watch: Watch, timeoutMs = 30_000): Promise<void> {
  const told = () =>
    [...watch.running()]
      .map((task) => `${task} ${ports(watch, task).join()}`)
      .sort(byText)
      .join("\n");
  const really = (rows: readonly Row[]) =>
    rows
      .map((row) => `${row.Id} ${publicPorts(row).join()}`)
      .sort(byText)
      .join("\n");
  await until(async () => told() === really(await listed(engine)), {
    what: "what the engine lists",
    timeoutMs,
    everyMs: 100,
  });
}

function ports(watch: Watch, task: string): readonly number[] {
  return (watch.record(task)?.addressed?.bindings.map(({ hostPort }) => hostPort) ?? []).sort((a, b) => a - b);
}

function publicPorts({ Ports }: Row): readonly number[] {
  return Ports.flatMap(({ IP = "", PublicPort }) =>
    PublicPort === undefined || IP.includes(":") ? [] : [PublicPort],
  ).sort((a, b) => a - b);
}

describe.skipIf(skip)(`docker source on a real engine ${reason}`, () => {
  let engine: Engine;
  let watch: Watch;

  beforeAll(async () => {
    engine = await startEngine({ args: ["--live-restore"] });
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  afterEach(async () => {
    await watch?.stop();
    const all = JSON.parse(await engineApi(engine.socket, { path: "/containers/json?all=1" })) as Row[];
    await Promise.all(all.map(({ Id }) => remove(engine, Id)));
  });

  async function watching(): Promise<Watch> {
    watch = watchSource(dockerSource(`unix://${engine.socket}`).source);
    await watch.until("listing", () => watch.syncs() === 1);
    return watch;
  }

  async function run(...args: readonly string[]): Promise<string> {
    return (await engine.docker(["run", "-d", ...args])).trim();
  }

  it("loses none of 100 containers started at once and killed at once", { timeout: 240_000 }, async () => {
    await watching();
    const ids = await Promise.all(Array.from({ length: 100 }, () => start(engine)));
    await untilTrue(engine, watch);
    expect(watch.running()).toEqual(new Set(ids));
    await Promise.all(ids.map((id) => remove(engine, id)));
    await watch.until("none left", () => ids.every((id) => watch.record(id) === null));
    expect(watch.running().size).toBe(0);
    expect(watch.syncs(), "by events alone").toBe(1);
  });

  it("tells every networking case as it is", async () => {
    await watching();
    await engine.docker(["network", "create", "shop"]);
    const [fixed, local, udp, host, none, own] = await Promise.all([
      run("-p", "18080:8080", "lab/web:v1"),
      run("-p", "127.0.0.1:18081:8080", "lab/web:v1"),
      run("-p", "18082:53/udp", "lab/sleep:v1"),
      run("--network", "host", "-e", "PORT=18083", "lab/web:v1"),
      run("--network", "none", "lab/sleep:v1"),
      run("--network", "shop", "lab/web:v1"),
    ]);
    await watch.until("all six", () => watch.running().size === 6);
    const shared = await run("--network", `container:${own}`, "lab/sleep:v1");
    await watch.until("the seventh", () => watch.running().size === 7);
    const told = (id: string) => {
      const { mode, bindings = [], networks = [], exposed = [] } = watch.record(id)?.addressed ?? {};
      return [
        mode,
        ...bindings.map((b) => `${b.hostAddress}:${b.hostPort}->${b.containerPort}/${b.protocol}`),
        ...networks.map(({ name, reach }) => `${name} ${reach}`),
        ...exposed.map(({ port, protocol }) => `${port}/${protocol}`),
      ].join(", ");
    };
    expect([fixed, local, udp, host, none, own, shared].map(told)).toEqual([
      "mapped, 0.0.0.0:18080->8080/tcp, bridge node, 8080/tcp",
      "mapped, 127.0.0.1:18081->8080/tcp, bridge node, 8080/tcp",
      "mapped, 0.0.0.0:18082->53/udp, bridge node, 53/udp",
      "host, 8080/tcp",
      "none",
      "mapped, shop node, 8080/tcp",
      "shared",
    ]);
    await engine.docker(["network", "connect", "bridge", own]);
    await watch.until("the second network", () => watch.record(own)?.addressed?.networks.length === 2);
  });

  it("sees the stop begin before the end, and the new port after a restart", async () => {
    await watching();
    const id = await run("-P", "-e", "DRAIN=1", "lab/web:v1");
    await untilTrue(engine, watch);
    const before = ports(watch, id);
    await engine.docker(["restart", id]);
    await untilTrue(engine, watch);
    expect(ports(watch, id)).not.toEqual(before);
    const seen = watch.facts.flatMap((fact) => (fact.kind === "status" && fact.task === id ? [fact] : []));
    expect(seen.map(({ status }) => status)).toEqual(["running", "stopping", "stopped", "running"]);
    // The application's own drain of 1 s lies between the two.
    const [, stopping, stopped] = seen;
    expect((stopped?.at ?? 0) - (stopping?.at ?? 0)).toBeGreaterThan(900);
  });

  it("follows health, pause, and signals that are not the end", async () => {
    await watching();
    const id = await run("lab/web:hc");
    await watch.until("healthy", () => watch.record(id)?.health === "passing");
    expect(watch.record(id)?.definition?.healthChecked).toBe(true);
    await engine.docker(["exec", id, "touch", "/tmp/sick"]);
    await watch.until("unhealthy", () => watch.record(id)?.health === "failing");
    await engine.docker(["pause", id]);
    await watch.until("paused", () => watch.record(id)?.status === "paused");
    await engine.docker(["unpause", id]);
    await watch.until("running", () => watch.record(id)?.status === "running");
    await engine.docker(["kill", "-s", "WINCH", id]);
    await engine.docker(["rename", id, "other"]);
    await watch.until("what came after", () => watch.facts.some(({ via }) => via === "rename"));
    expect(watch.record(id)?.status).toBe("running");
  });

  it("survives the SIGKILL of the engine, and learns of what died meanwhile without a word", {
    timeout: 120_000,
  }, async () => {
    await watching();
    const stays = await run("-p", "18090:8080", "lab/web:v1");
    const dies = await run("lab/web:v1", "sh", "-c", "sleep 8");
    const returns = await run("--restart", "always", "-P", "lab/web:v1", "sh", "-c", "sleep 8");
    await watch.until("all three", () => watch.running().size === 3);
    await engine.killDaemon();
    await watch.until("disconnected", () => watch.facts.at(-1)?.kind === "source");
    expect(watch.running(), "what was known is kept").toEqual(new Set([stays, dies, returns]));
    await engine.startDaemon();
    await watch.until("reconnected", () => watch.syncs() >= 2);
    await watch.until("the dead one gone", () => watch.record(dies)?.status !== "running");
    await watch.until("the restarted one", () => watch.running().has(returns));
    expect(watch.running()).toContain(stays);
  });
});

if (!skip) {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine();
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  const FAKED = "needs a grip on the engine's answers: done on the fake";
  testSource("docker, real engine", {
    async open(): Promise<SourceLab> {
      const running = new Set<string>();
      return {
        source: dockerSource(`unix://${engine.socket}`).source,
        async start() {
          const id = await start(engine);
          running.add(id);
          return id;
        },
        async end(task) {
          running.delete(task);
          await remove(engine, task);
        },
        running: () => running,
        async [Symbol.asyncDispose]() {
          await Promise.all([...running].map((id) => remove(engine, id)));
        },
      };
    },
    skip: {
      "subscribes before listing": FAKED,
      "reconnects with a new listing": "a killed engine takes its containers with it: see above, under live-restore",
      "skips garbage": FAKED,
      "bounds what a slow consumer leaves": "thousands of containers would take minutes: done on the fake",
    },
  });
}

function byText(a: string, b: string): number {
  return a < b ? -1 : 1;
}
