/** The stop-signal gate on a real engine, with the fake ELBv2: ECS's order of a stop, for plain containers. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type FakeElb, startFakeElb } from "../fakes/alb/server.ts";
import type { Group } from "../fakes/alb/world.ts";
import { addMachine, CREDENTIALS, MACHINE, useCredentials } from "../integration/alb-harness.ts";
import { labAvailable } from "../lab/available.ts";
import { type Engine, startEngine } from "../lab/engine.ts";
import { startLoad } from "../lab/load.ts";
import { freePorts } from "../lab/ports.ts";
import { until } from "../lab/wait.ts";
import { createGatedApp, type GatedApp } from "./gated-app.ts";
import { type Muster, startMuster } from "./muster.ts";
import { type Program, runProgram } from "./program.ts";
import { startTargetProxy } from "./target-proxy.ts";

useCredentials();

const { skip, reason } = await labAvailable("engine");

/** The group's deregistration delay, ms. */
const DELAY = 1000;
const GATE = ["--label", "muster.stop-gate=sigterm", "--stop-signal", "SIGURG", "--stop-timeout", "30"];

describe.skipIf(skip)(`the stop-signal gate ${reason}`, { timeout: 60_000 }, () => {
  let engine: Engine;
  let app: GatedApp;
  let elb: FakeElb;
  let group: Group;
  let names = 0;

  beforeAll(async () => {
    engine = await startEngine();
    app = await createGatedApp(engine);
  });
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]();
    await app?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    elb = await startFakeElb();
    addMachine(elb);
    Object.assign(elb.world.pace, { registration: 50, firstCheck: 100 });
    group = elb.world.addGroup({ name: "web" });
    group.attributes.set("deregistration_delay.timeout_seconds", String(DELAY / 1000));
  });
  afterEach(async () => {
    await elb[Symbol.asyncDispose]();
    const left = (await engine.docker(["ps", "-aq"])).split(/\s+/).filter(Boolean);
    if (left.length > 0) await engine.docker(["rm", "--force", ...left]);
  });

  /** @param swarm the file with the swarm's secret; null: there is no swarm */
  const configuration = (swarm: string | null = null) => `
node: { ${swarm === null ? "id: n1, " : ""}address: ${engine.address} }
sources:
  docker: { host: "unix://${engine.socket}" }
${swarm === null ? "" : `  swarm: { secretFile: "${swarm}" }`}
registries:
  alb:
    { region: ${elb.region}, endpoint: "${elb.url}", instanceId: ${MACHINE}, targetGroups: { web: web }, healthPoll: 200ms }
`;

  async function openMuster(): Promise<Muster> {
    const muster = await startMuster(configuration());
    await muster.ready();
    return muster;
  }

  const healthy = () => elb.world.seen(group).filter(({ state }) => state === "healthy").length;

  function untilHealthy(count: number): Promise<unknown> {
    return until(() => healthy() === count, { timeoutMs: 15_000, everyMs: 20, what: `${count} healthy targets` });
  }

  async function startOne(...more: readonly string[]): Promise<string> {
    names += 1;
    const name = `web-${names}`;
    await app.start(name, more);
    return name;
  }

  it("the app gets SIGTERM only after its target is unused, and ends by itself", async () => {
    await using _muster = await openMuster();
    const name = await startOne(...GATE, "--label", "muster.drain=20s");
    await untilHealthy(1);
    const [target] = [...group.targets.values()];

    expect(await app.stop(name)).toBe(0);

    const told = (await app.toldAt(name)) ?? 0;
    const unusedAt = (target?.deregisteredAt ?? Number.POSITIVE_INFINITY) + DELAY;
    expect(told).toBeGreaterThanOrEqual(unusedAt);
  });

  it("an ALB that does not answer holds the task no longer than its drain time", async () => {
    await using _muster = await openMuster();
    const name = await startOne(...GATE, "--label", "muster.drain=2s");
    await untilHealthy(1);
    for (const n of [1, 2, 3]) elb.failMutation(n, { kind: "hang" });
    const began = Date.now();

    expect(await app.stop(name)).toBe(0);

    const waited = ((await app.toldAt(name)) ?? 0) - began;
    expect(waited).toBeGreaterThanOrEqual(2000);
    expect(waited).toBeLessThan(20_000);
    await elb.heal();
  });

  /** The program of its own process, so that it can be killed. @param drain of the app that it is about to stop */
  async function killedInTheMiddle(
    drain: string,
    grace: string,
    then: (begin: () => Program, stopped: Promise<number>, name: string) => Promise<void>,
  ): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), "muster-gate-"));
    const file = join(folder, "muster.yaml");
    await writeFile(file, `${configuration()}audit: { path: ${join(folder, "audit.jsonl")} }\n`);
    const [port = 0] = await freePorts(1);
    const begin = () => runProgram(["-c", file], port, { ...CREDENTIALS });
    const muster = begin();
    try {
      await muster.ready();
      const name = await startOne(...GATE.slice(0, 4), "--stop-timeout", grace, "--label", `muster.drain=${drain}`);
      group.attributes.set("deregistration_delay.timeout_seconds", "300");
      await untilHealthy(1);
      const stopped = app.stop(name);
      const isDraining = () => elb.world.seen(group).some(({ state }) => state === "draining");
      await until(isDraining, { timeoutMs: 10_000, everyMs: 20, what: "the target to drain" });
      await muster.kill();
      await then(begin, stopped, name);
    } finally {
      await muster.kill();
      await rm(folder, { recursive: true, force: true });
    }
  }

  it("a Muster that is killed in the middle leaves the container to its grace period", async () => {
    await killedInTheMiddle("60s", "4", async (_begin, stopped, name) => {
      expect(await stopped).toBe(137);
      expect(await app.toldAt(name)).toBeNull();
    });
  });

  it("and takes the gate up again when it is back: SIGTERM after the drain, no traffic meanwhile", async () => {
    await killedInTheMiddle("6s", "55", async (begin, stopped, name) => {
      const muster = begin();
      try {
        const killed = Date.now();
        await muster.ready();
        // It runs still, but must not be in service again.
        expect(elb.world.seen(group).map(({ state }) => state)).toEqual(["draining"]);

        expect(await stopped).toBe(0);
        const told = (await app.toldAt(name)) ?? 0;
        expect(told - killed).toBeGreaterThan(1_000);
        expect(told - killed).toBeLessThan(30_000);
      } finally {
        await muster.kill();
      }
    });
  });

  it("an orderly end of Muster in the middle sends the signal, so that no app is killed for an upgrade", async () => {
    const muster = await openMuster();
    const name = await startOne(...GATE, "--label", "muster.drain=60s");
    group.attributes.set("deregistration_delay.timeout_seconds", "300");
    await untilHealthy(1);
    const stopped = app.stop(name);
    const isDraining = () => elb.world.seen(group).some(({ state }) => state === "draining");
    await until(isDraining, { timeoutMs: 10_000, everyMs: 20, what: "the target to drain" });

    await muster[Symbol.asyncDispose]();

    expect(await stopped).toBe(0);
    expect(await app.toldAt(name)).not.toBeNull();
  });

  it("a Swarm service has its gate by its own labels, which only managers know", async () => {
    const folder = await mkdtemp(join(tmpdir(), "muster-gate-"));
    const secretFile = join(folder, "secret");
    await writeFile(secretFile, "a-secret-of-the-swarm");
    await engine.docker(["swarm", "init", "--advertise-addr", engine.address]);
    const muster = await startMuster(configuration(secretFile));
    try {
      await muster.ready();
      const name = "in-swarm";
      const labels = [
        "--label",
        "muster.stop-gate=sigterm",
        "--label",
        "muster.drain=20s",
        "--label",
        "muster.name=web",
      ];
      const stop = ["--stop-signal", "SIGURG", "--stop-grace-period", "40s"];
      await engine.docker([
        "service",
        "create",
        "--detach",
        "--name",
        name,
        ...labels,
        ...stop,
        ...app.serviceArgs(name),
      ]);
      await untilHealthy(1);
      const [target] = [...group.targets.values()];

      await engine.docker(["service", "rm", name]);
      const told = await until(async () => (await app.toldAt(name)) ?? undefined, {
        timeoutMs: 30_000,
        what: "SIGTERM",
      });

      const unusedAt = (target?.deregisteredAt ?? Number.POSITIVE_INFINITY) + DELAY;
      expect(told).toBeGreaterThanOrEqual(unusedAt);
    } finally {
      await muster[Symbol.asyncDispose]();
      await engine.docker(["swarm", "leave", "--force"]);
      await rm(folder, { recursive: true, force: true });
    }
  });

  /** Three containers replaced one by one. @returns how many requests were made, and why some failed */
  async function rollingUpdate(more: readonly string[]) {
    await using _muster = await openMuster();
    await using proxy = await startTargetProxy(elb, group, engine.address);
    const old = [await startOne(...more), await startOne(...more)];
    await untilHealthy(2);
    const load = startLoad({ url: proxy.url, rate: 100, timeoutMs: 10_000 });
    for (const name of old) {
      await startOne(...more);
      await untilHealthy(3);
      await app.stop(name);
      await untilHealthy(2);
    }
    const { failures, requests, bodies } = await load.stop();
    return { failures, requests, apps: bodies.size };
  }

  it("a rolling update of an app that exits at once on SIGTERM loses no request with the gate", async () => {
    const { failures, requests, apps } = await rollingUpdate([...GATE, "--label", "muster.drain=20s"]);

    expect(failures).toEqual([]);
    expect(requests).toBeGreaterThan(300);
    expect(apps).toBe(4);
  });

  it("and loses some without it", async () => {
    const { failures } = await rollingUpdate([]);

    expect(failures.length).toBeGreaterThan(0);
    expect(new Set(failures.map((failure) => failure.reason))).toEqual(new Set(["status 502"]));
  });
});
