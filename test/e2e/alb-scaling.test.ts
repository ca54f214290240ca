/** Containers with dynamic ports on a real engine, through the fake ELBv2: the group is equal to what runs, in few calls. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FakeElb, startFakeElb } from "../fakes/alb/server.ts";
import type { Group } from "../fakes/alb/world.ts";
import { addMachine, held, MACHINE, useCredentials } from "../integration/alb-harness.ts";
import { labAvailable } from "../lab/available.ts";
import { type Engine, startEngine } from "../lab/engine.ts";
import { until } from "../lab/wait.ts";
import { startMuster } from "./muster.ts";

useCredentials();

const { skip, reason } = await labAvailable("engine");
/** Changes are gathered for at least so long, ms (docs/alb.md). */
const WINDOW = 100;

describe.skipIf(skip)(`scaling behind an ALB ${reason}`, { timeout: 60_000 }, () => {
  let engine: Engine;
  let elb: FakeElb;
  let group: Group;
  beforeAll(async () => {
    [engine, elb] = await Promise.all([startEngine(), startFakeElb()]);
    addMachine(elb);
    group = elb.world.addGroup({ name: "web" });
  });
  afterAll(async () => {
    await elb?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
  });

  async function running(): Promise<readonly string[]> {
    const rows = (await engine.docker(["ps", "--format", "{{.Ports}}"])).matchAll(/0\.0\.0\.0:(\d+)->/g);
    return [...rows].map(([, port]) => `${MACHINE}:${port}`).sort((a, b) => (a < b ? -1 : 1));
  }

  /** Waits until the group has what runs. @returns the calls that it took, and the most that there were windows for */
  async function scaled(count: number, change: () => Promise<unknown>) {
    const [before, began] = [elb.calls.length, performance.now()];
    await change();
    const isEqual = async () => {
      const expected = await running();
      return expected.length === count && held(elb, group).join() === expected.join();
    };
    await until(isEqual, { timeoutMs: 15_000, everyMs: 20, what: `a group of the ${count} that run` });
    const windows = Math.ceil((performance.now() - began) / WINDOW) + 1;
    const calls = elb.calls.slice(before).filter(({ action }) => /Register|Deregister/.test(action));
    return { windows, of: (action: string) => calls.filter((call) => call.action === action).length };
  }

  const run = (name: string) =>
    engine.docker(["run", "-d", "--name", name, "-p", "8080", "--label", "muster.name=web", "lab/web:v1"]);

  it("from 1 to 6 to 2 costs at most one call of a kind in each batch window", async () => {
    await using muster = await startMuster(`
      node: { id: n1, address: ${engine.address} }
      sources: { docker: { host: "unix://${engine.socket}" } }
      registries:
        alb: { region: ${elb.region}, endpoint: "${elb.url}", instanceId: ${MACHINE}, targetGroups: { web: web } }`);
    await muster.ready();
    const names = [1, 2, 3, 4, 5, 6].map((n) => `web-${n}`);

    await scaled(1, () => run("web-1"));
    const up = await scaled(6, () => Promise.all(names.slice(1).map(run)));
    expect(up.of("RegisterTargets")).toBeLessThanOrEqual(Math.min(5, up.windows));
    expect(up.of("DeregisterTargets")).toBe(0);

    const down = await scaled(2, () => engine.docker(["stop", "--time", "3", ...names.slice(2)]));
    expect(down.of("DeregisterTargets")).toBeLessThanOrEqual(Math.min(4, down.windows));
    expect(down.of("RegisterTargets")).toBe(0);
  });
});
