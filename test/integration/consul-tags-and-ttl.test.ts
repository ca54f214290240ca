/** What others may change, and what must be kept alive, on a real Consul. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Instance, Registration, Registry } from "../../src/model.ts";
import { startFaultProxy } from "../conformance/proxy.ts";
import { check, instance } from "../conformance/registry/fleet.ts";
import { assertHolds, converge, list, project } from "../conformance/registry/pass.ts";
import { type Consul, startConsul } from "../lab/consul.ts";
import { until } from "../lab/wait.ts";
import { agentChecks, agentServices, openRegistry } from "./consul-harness.ts";

const HOUR = 3_600_000;
let owners = 0;

describe("the Consul registry", { timeout: 60_000 }, () => {
  let consul: Consul;

  beforeAll(async () => {
    consul = await startConsul();
  }, 60_000);

  afterAll(() => consul?.[Symbol.asyncDispose]());

  function open(options: Parameters<typeof openRegistry>[2] = {}): Registry {
    owners += 1;
    return openRegistry(consul.url, { cluster: `t${owners}`, node: { id: "n", address: "10.0.0.1" } }, options);
  }

  function put(path: string, body?: object): Promise<unknown> {
    return consul.request({ method: "PUT", path, ...(body !== undefined && { body }) });
  }

  async function put1(registry: Registry, wanted: Instance): Promise<Registration> {
    await converge(registry, [wanted]);
    return only(project(registry, [wanted]));
  }

  describe("with enableTagOverride", () => {
    async function catalogTags(service: string, tags?: readonly string[]): Promise<readonly string[]> {
      const [entry] = (await consul.request({ path: `/v1/catalog/service/${service}` })) as readonly {
        readonly [key: string]: unknown;
        readonly ServiceTags: readonly string[];
      }[];
      if (entry === undefined) throw new Error("not in the catalog");
      if (tags === undefined) return entry.ServiceTags;
      const { Node, Address, ServiceID, ServiceAddress, ServicePort, ServiceMeta, ServiceWeights } = entry;
      const Service = {
        ID: ServiceID,
        Service: service,
        Tags: tags,
        Address: ServiceAddress,
        Port: ServicePort,
        Meta: ServiceMeta,
        Weights: ServiceWeights,
        EnableTagOverride: true,
      };
      await put("/v1/catalog/register", { Node, Address, SkipNodeUpdate: true, Service });
      return tags;
    }

    it("lets others change the tags, and still changes its own", async () => {
      await using registry = open({ enableTagOverride: true });
      const service = `override${owners}`;
      const { key } = await put1(registry, instance(1, { service, tags: ["ours"] }));
      await until(() => catalogTags(service), { timeoutMs: 5000, what: "it in the catalog" });
      await catalogTags(service, ["theirs"]);
      // What the agent does by itself at its next full synchronisation, a minute or so later.
      await put("/v1/agent/service/register", { ...(await registered(key)), Tags: ["theirs"] });

      await assertHolds(registry, [instance(1, { service, tags: ["ours"] })]);
      await put1(registry, instance(1, { service, tags: ["ours"], weight: 5 }));
      expect((await agentServices(consul))[key]).toMatchObject({ Tags: ["theirs"], Weights: { Passing: 5 } });

      await put1(registry, instance(1, { service, tags: ["ours", "new"], weight: 5 }));
      expect((await agentServices(consul))[key]?.Tags).toEqual(["ours", "new"]);
    });

    async function registered(key: string): Promise<object> {
      const { Service, ...entry } = (await agentServices(consul))[key] ?? { Service: "" };
      return { ...entry, Name: Service };
    }
  });

  describe("TTL checks", () => {
    const ttlCheck = (ttl: number) => check({ type: "ttl", target: "", ttl });
    const statusOf = async (key: string) => (await agentChecks(consul))[`${key}:check:1`]?.Status;

    it("are kept passing while registered, and expire when Muster is gone", async () => {
      const registry = open();
      const wanted = instance(1, { checks: [ttlCheck(1500)] });
      const { key } = await put1(registry, wanted);
      expect(await statusOf(key)).toBe("passing");

      await put(`/v1/agent/check/fail/${encodeURIComponent(`${key}:check:1`)}`);
      await until(async () => (await statusOf(key)) === "passing", { timeoutMs: 5000, what: "a heart-beat" });
      await registry[Symbol.asyncDispose]();
      await until(async () => (await statusOf(key)) === "critical", { timeoutMs: 5000, what: "the TTL to expire" });
    });

    it("are no longer kept alive once their entry is found gone", async () => {
      await using proxy = await startFaultProxy({
        target: consul.url,
        isMutation: ({ path }) => path.includes("/check/pass/"),
      });
      const owner = { cluster: "ttl", node: { id: "n", address: "10.0.0.1" } };
      await using registry = openRegistry(proxy.url, owner);
      const wanted = [1, 2].map((n) => instance(n, { checks: [ttlCheck(1000)] }));
      const [gone = "", stays = ""] = project(registry, wanted).map(({ key }) => key);
      await converge(registry, wanted);
      const beatsOf = (key: string) =>
        proxy.mutations.filter(({ path }) => path.includes(encodeURIComponent(key))).length;
      await until(() => beatsOf(gone) > 0, { timeoutMs: 5000, what: "a heart-beat" });

      await put(`/v1/agent/service/deregister/${encodeURIComponent(gone)}`);
      await list(registry);
      const [before, other] = [beatsOf(gone), beatsOf(stays)];
      await until(() => beatsOf(stays) > other + 2, { timeoutMs: 5000, what: "three heart-beats of the other" });

      expect(beatsOf(gone)).toBeLessThanOrEqual(before + 1); // one may have been under way
      await converge(registry, []);
    });

    it("of entries found at the start are kept alive as well, without a write to the service", async () => {
      const first = open();
      const owner = { cluster: `t${owners}`, node: { id: "n", address: "10.0.0.1" } };
      const { key } = await put1(first, instance(1, { checks: [ttlCheck(HOUR)] }));
      await first[Symbol.asyncDispose]();
      await put(`/v1/agent/check/fail/${encodeURIComponent(`${key}:check:1`)}`);

      await using second = openRegistry(consul.url, owner);
      await list(second);

      await until(async () => (await statusOf(key)) === "passing", { timeoutMs: 5000, what: "a heart-beat" });

      // As after a restart of the agent, which lets TTL checks begin critical.
      await put(`/v1/agent/check/fail/${encodeURIComponent(`${key}:check:1`)}`);
      await list(second);
      await until(async () => (await statusOf(key)) === "passing", { timeoutMs: 5000, what: "another heart-beat" });
    });
  });
});

function only(entries: readonly Registration[]): Registration {
  const [entry] = entries;
  if (entry === undefined || entries.length > 1) throw new Error("expected one registration");
  return entry;
}
