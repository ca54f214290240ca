import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { identifyNode } from "../../../adapters/sources/docker/identity.ts";
import { DockerOptions } from "../../../adapters/sources/docker/options.ts";
import { type EngineHttp, startEngineHttp } from "../../fakes/docker-http.ts";
import { until } from "../../lab/wait.ts";
import { createMemoryLog, type MemoryLog } from "../../watch-source.ts";

const SWARM = { LocalNodeState: "active", NodeID: "kwhddwy8z651", NodeAddr: "10.77.0.12" };

function engine(swarm: object | null, networks: readonly object[] = []): Promise<EngineHttp> {
  return startEngineHttp({
    info: () => ({ ID: "UVLC:HTMU", ...(swarm === null ? {} : { Swarm: swarm }) }),
    containers: () => [],
    inspect: () => undefined,
    networks: () => networks,
  });
}

function identify(
  host: string,
  overrides: { id?: string; address?: string } = {},
  signal = new AbortController().signal,
) {
  const log = createMemoryLog();
  return { log, identity: identifyNode(v.parse(DockerOptions, { host }), overrides, signal, log) };
}

function warnings(log: MemoryLog): readonly string[] {
  return log.lines.filter(({ level }) => level === "warn").map(({ message }) => message);
}

describe("node identity", () => {
  it("is the Swarm's in a swarm", async () => {
    await using fake = await engine(SWARM);
    const { identity, log } = identify(fake.host);
    expect(await identity).toEqual({ id: "kwhddwy8z651", address: "10.77.0.12" });
    expect(log.lines).toEqual([]);
  });

  it.each([null, { LocalNodeState: "inactive", NodeID: "", NodeAddr: "" }, { ...SWARM, LocalNodeState: "pending" }])(
    "is the engine's, at this machine's own address, outside of one: %j",
    async (swarm) => {
      await using fake = await engine(swarm);
      const { id, address } = await identify(fake.host).identity;
      expect(id).toBe("UVLC:HTMU");
      expect(isIP(address)).not.toBe(0);
      const own = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
      expect(own.map((one) => one.address)).toContain(address);
    },
  );

  it("is what the configuration says, each part by itself, and without asking if it says all", async () => {
    await using fake = await engine(SWARM);
    expect(await identify(fake.host, { id: "n1" }).identity).toEqual({ id: "n1", address: "10.77.0.12" });
    expect(await identify(fake.host, { address: "10.0.0.9" }).identity).toEqual({
      id: "kwhddwy8z651",
      address: "10.0.0.9",
    });
    await fake.down();
    expect(await identify(fake.host, { id: "n1", address: "10.0.0.9" }).identity).toEqual({
      id: "n1",
      address: "10.0.0.9",
    });
    expect(fake.hits.info).toBe(2);
  });

  it("comes as soon as the engine does, with one line meanwhile", async () => {
    await using fake = await engine(SWARM);
    await fake.down();
    const { identity, log } = identify(fake.host);
    await until(() => log.lines.length > 0, { what: "an attempt", timeoutMs: 5_000, everyMs: 5 });
    await fake.up();
    expect((await identity).id).toBe("kwhddwy8z651");
    expect(warnings(log)).toEqual(["node not identified yet, trying on; or set node.id and node.address"]);
    expect(log.lines[0]?.fields).toMatchObject({ error: expect.stringContaining("is the socket mounted?") });
  });

  it("ends on abort with its reason", async () => {
    await using fake = await engine(SWARM);
    await fake.down();
    const abort = new AbortController();
    const { identity, log } = identify(fake.host, {}, abort.signal);
    await until(() => log.lines.length > 0, { what: "an attempt", timeoutMs: 5_000, everyMs: 5 });
    abort.abort(new Error("enough"));
    await expect(identity).rejects.toThrow("enough");
  });

  it("warns of an address on a container bridge, as Muster in a container sees its own", async () => {
    await using plain = await engine(null);
    const { address } = await identify(plain.host).identity;
    await using fake = await engine(null, [
      { Id: "b", Driver: "bridge", IPAM: { Config: [{ Subnet: `${address}/${isIP(address) === 4 ? 24 : 64}` }] } },
    ]);
    const { identity, log } = identify(fake.host);
    expect((await identity).address).toBe(address);
    expect(warnings(log)).toEqual(["this node's address can't be reached from other nodes: set node.address"]);
    const set = identify(fake.host, { address });
    await set.identity;
    expect(warnings(set.log), "not when it was set").toEqual([]);
  });
});
