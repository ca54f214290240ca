import { describe, expect, it } from "vitest";
import { labAvailable } from "../lab/available.ts";
import { startConsul } from "../lab/consul.ts";
import { startEngine } from "../lab/engine.ts";
import { addStrangers, all, createFleet, strangers, untilEqual } from "./fleet.ts";
import { startMuster } from "./muster.ts";

const { skip, reason } = await labAvailable("engine");

describe.skipIf(skip)(`bursts on a real engine and Consul ${reason}`, () => {
  it("registers 100 containers started at once and removes them killed at once, five times over", {
    timeout: 600_000,
  }, async () => {
    await using engine = await startEngine();
    await using consul = await startConsul();
    await addStrangers(consul, "n1");
    const before = await strangers(consul);
    await using muster = await startMuster(`
      node: { id: n1, address: ${engine.address} }
      sources: { docker: { host: "unix://${engine.socket}" } }
      registries: { consul: { url: "${consul.url}" } }`);
    await muster.ready();
    const ids = await createFleet(
      engine,
      Array.from({ length: 100 }, (_, index) => `burst-${index}`),
    );

    for (let round = 0; round < 5; round++) {
      await all(engine, ids, "start");
      await untilEqual(engine, consul, 10_000);
      expect(await muster.instances("?state=ready")).toHaveLength(100);
      await all(engine, ids, "kill");
      await untilEqual(engine, consul, 10_000);
    }

    expect(await strangers(consul)).toEqual(before);
    expect(before).toHaveLength(5);
  });
});
