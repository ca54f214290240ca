import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { labAvailable } from "../lab/available.ts";
import { startConsul } from "../lab/consul.ts";
import { startEngine } from "../lab/engine.ts";
import { until } from "../lab/wait.ts";
import { addStrangers, all, createFleet, remove, strangers, untilEqual } from "./fleet.ts";
import { startMuster } from "./muster.ts";

const { skip, reason } = await labAvailable("engine");
const OUTAGE_MS = 20_000;

describe.skipIf(skip)(`outages ${reason}`, () => {
  it.each([
    ["keeps its data", true],
    ["forgets everything", false],
  ])(
    "is right within 5 s of the return of a Consul that %s, whatever came and went meanwhile",
    { timeout: 120_000 },
    async (_what, dataDir) => {
      await using engine = await startEngine();
      await using consul = await startConsul({ dataDir });
      await addStrangers(consul, "n1");
      const before = await strangers(consul);
      await using muster = await startMuster(configuration(engine, consul));
      await muster.ready();
      const first = await createFleet(engine, ["old-1", "old-2", "old-3", "old-4"]);
      await all(engine, first, "start");
      await untilEqual(engine, consul, 5_000);

      await consul.stop();
      const ended = Date.now() + OUTAGE_MS;
      const second = await createFleet(engine, ["new-1", "new-2", "new-3"], 21_000);
      await all(engine, second, "start");
      await all(engine, first.slice(0, 2), "kill");
      await remove(engine, second.slice(0, 1));
      await pause(ended - Date.now());
      await consul.start();

      await untilEqual(engine, consul, 5_000);
      // A Consul that forgot everything forgot the strangers too; nobody else may have.
      if (dataDir) expect(await strangers(consul)).toEqual(before);
    },
  );

  it("heals a Consul that was restarted empty while nothing happened", { timeout: 60_000 }, async () => {
    await using engine = await startEngine();
    await using consul = await startConsul();
    await using muster = await startMuster(configuration(engine, consul));
    await muster.ready();
    await all(engine, await createFleet(engine, ["idle-1", "idle-2"]), "start");
    await untilEqual(engine, consul, 5_000);

    await consul.kill();
    await consul.start();

    await untilEqual(engine, consul, 5_000);
  });

  it("is right within 5 s of the return of an engine that was killed", { timeout: 120_000 }, async () => {
    await using engine = await startEngine();
    await using consul = await startConsul();
    await addStrangers(consul, "n1");
    const before = await strangers(consul);
    await using muster = await startMuster(configuration(engine, consul));
    await muster.ready();
    const ids = await createFleet(engine, ["kept-1", "kept-2", "kept-3"]);
    await all(engine, ids, "start");
    await engine.docker(["run", "-d", "--name", "restarting", "--restart", "always", "-p", "8080", "lab/web:v1"]);
    await untilEqual(engine, consul, 5_000);

    await engine.killDaemon();
    await until(async () => (await sourceState(muster)) === "disconnected", {
      timeoutMs: 5_000,
      what: "the loss of the engine to be seen",
    });
    // Losing the engine takes nothing away: the containers may well run on.
    expect(await muster.instances("?state=ready")).toHaveLength(4);
    await engine.startDaemon();
    await untilEqual(engine, consul, 5_000);

    await all(engine, ids, "start");
    await untilEqual(engine, consul, 5_000);
    expect(await muster.instances("?state=ready")).toHaveLength(4);
    expect(await strangers(consul)).toEqual(before);
  });
});

function configuration(engine: { address: string; socket: string }, consul: { url: string }): string {
  return `
    node: { id: n1, address: ${engine.address} }
    sources: { docker: { host: "unix://${engine.socket}" } }
    registries: { consul: { url: "${consul.url}" } }`;
}

async function sourceState(muster: { get<T>(path: string): Promise<T> }): Promise<string | undefined> {
  return (await muster.get<{ sources: { state: string }[] }>("/v1/sources")).sources[0]?.state;
}
