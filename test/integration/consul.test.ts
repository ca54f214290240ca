import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Instance, Registration, Registry } from "../../src/model.ts";
import { check, instance } from "../conformance/registry/fleet.ts";
import { assertHolds, changesFor, converge, list, pass, project } from "../conformance/registry/pass.ts";
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

  it("registers all that Consul can hold", async () => {
    await using registry = open();
    const checks = [
      check({ target: "/h?x=1", method: "HEAD", deregisterAfter: 90_000, interval: HOUR }),
      check({ type: "tcp", target: "", interval: HOUR, initialStatus: "warning" }),
      check({ type: "grpc", target: "svc", interval: HOUR }),
      check({ type: "ttl", target: "", ttl: HOUR }),
    ];

    const { key } = await put1(registry, instance(1, { weight: 9, checks, meta: { team: "red" }, health: "none" }));

    const entry = (await agentServices(consul))[key];
    expect(entry).toMatchObject({
      ID: key,
      Service: "web",
      Address: "10.0.0.1",
      Port: 10_001,
      Tags: ["a", "b"],
      Meta: { team: "red", muster_owner: `t${owners}/n`, muster_id: "task1:80", muster_task: "task1" },
      Weights: { Passing: 9, Warning: 1 },
    });
    const held = Object.values(await agentChecks(consul)).filter(({ ServiceID }) => ServiceID === key);
    expect(held.map(({ Type, Status }) => `${Type} ${Status}`).sort()).toEqual([
      "grpc critical",
      "http critical",
      "tcp warning",
      "ttl passing",
    ]);
  });

  it("lets a consumer of the catalog see a healthy instance all through its updates", async () => {
    await using registry = open();
    const versions = Array.from({ length: 15 }, (_, n) =>
      instance(1, {
        service: "steady",
        health: "passing",
        tags: [`v${n}`],
        port: 1000 + n,
        checks: Array.from({ length: 1 + (n % 3) }, () => check({ interval: HOUR, timeout: 1000 + n })),
      }),
    );
    const passing = async (tag: string) =>
      (await consul.request({ path: `/v1/health/service/steady?passing&${tag}` })) as readonly object[];
    await put1(registry, instance(1, { ...versions[0] }));
    await until(async () => (await passing("")).length === 1, { timeoutMs: 5000, what: "it in the catalog" });
    let done = false;
    const updates = (async () => {
      for (const version of versions) await converge(registry, [version]);
    })().finally(() => {
      done = true;
    });

    const gaps: number[] = [];
    for (let look = 0; !done; look += 1) if ((await passing(`look=${look}`)).length !== 1) gaps.push(look);
    await updates;

    expect(gaps).toEqual([]);
  });

  it("leaves a maintenance and others' checks on our service alone when it updates", async () => {
    await using registry = open();
    const { key } = await put1(registry, instance(1, { checks: [check(), check({ type: "tcp", target: "" })] }));
    await put(`/v1/agent/service/maintenance/${encodeURIComponent(key)}?enable=true`);
    await put("/v1/agent/check/register", { ID: "operators", Name: "x", ServiceID: key, TTL: "1h" });
    await assertHolds(registry, [instance(1, { checks: [check(), check({ type: "tcp", target: "" })] })]);

    await put1(registry, instance(1, { tags: ["new"], checks: [check()] }));

    const left = Object.values(await agentChecks(consul)).filter(({ ServiceID }) => ServiceID === key);
    expect(new Set(left.map(({ CheckID }) => CheckID))).toEqual(
      new Set([`_service_maintenance:${key}`, `${key}:check:1`, "operators"]),
    );
  });

  const drifts: readonly (readonly [string, object])[] = [
    ["tags", { Tags: ["theirs"] }],
    ["address", { Address: "10.9.9.9" }],
    ["port", { Port: 1 }],
    ["weights", { Weights: { Passing: 3, Warning: 2 } }],
    ["a mark", { Meta: { muster_task: "other" } }],
    ["meta", { Meta: { team: "blue", more: "x" } }],
    ["name", { Name: "renamed" }],
    ["tag override", { EnableTagOverride: true }],
  ];

  it.each(drifts)("sees and repairs a changed %s", async (_, change) => {
    await using registry = open();
    const wanted = instance(1);
    const { key } = await put1(registry, wanted);
    const held = (await agentServices(consul))[key];
    const meta = { ...held?.Meta, ...("Meta" in change ? (change.Meta as object) : {}) };
    await put("/v1/agent/service/register", {
      ...held,
      Name: held?.Service,
      Service: undefined,
      ...change,
      Meta: meta,
    });

    const { changes } = await pass(registry, [wanted]);

    expect(changes.map(({ op }) => op)).toEqual(["update"]);
    await assertHolds(registry, [wanted]);
  });

  it("sees and repairs a check that was removed, or replaced by another of its id", async () => {
    await using registry = open();
    const wanted = instance(1, { checks: [check(), check({ type: "tcp", target: "" })] });
    const { key } = await put1(registry, wanted);

    await put(`/v1/agent/check/deregister/${encodeURIComponent(`${key}:check:2`)}`);
    expect((await pass(registry, [wanted])).changes).toHaveLength(1);
    await put("/v1/agent/check/register", { ID: `${key}:check:1`, Name: "x", ServiceID: key, TTL: "1h" });
    expect((await pass(registry, [wanted])).changes).toHaveLength(1);

    await assertHolds(registry, [wanted]);
  });

  it("does not take a failing check for drift", async () => {
    await using registry = open();
    const wanted = instance(1, { checks: [check({ type: "ttl", target: "", ttl: HOUR })] });
    const { key } = await put1(registry, wanted);

    await put(`/v1/agent/check/fail/${encodeURIComponent(`${key}:check:1`)}`);

    await assertHolds(registry, [wanted]);
  });

  it("neither overwrites nor removes a stranger's service on an id of ours", async () => {
    await using registry = open();
    const wanted = instance(1);
    const mine = await put1(registry, wanted);
    await put("/v1/agent/service/register", { ID: mine.key, Name: "stranger", Port: 7 });

    expect(await list(registry)).toEqual([]);
    const { outcomes } = await pass(registry, [wanted]);
    const removal = await registry.apply(
      [{ op: "deregister", key: mine.key, before: mine, after: null }],
      new AbortController().signal,
    );

    expect(outcomes).toEqual([
      {
        ok: false,
        error: `consul: register ${mine.key}: its id is taken by a service "stranger" without our owner mark; deregister that first`,
        retry: false,
        ambiguous: false,
      },
    ]);
    expect(removal).toEqual([{ ok: true }]);
    expect((await agentServices(consul))[mine.key]).toMatchObject({ Service: "stranger", Port: 7 });

    await put(`/v1/agent/service/deregister/${encodeURIComponent(mine.key)}`);
    await converge(registry, [wanted]);
    await assertHolds(registry, [wanted]);
  });

  it("moves an endpoint from one task to another without both at once", async () => {
    await using registry = open();
    await converge(registry, [instance(1, { port: 80 })]);
    const wanted = [instance(2, { port: 80 })];
    const changes = changesFor(registry, wanted, await list(registry));

    const outcomes = await registry.apply(changes, new AbortController().signal);

    expect(changes.map(({ op }) => op)).toEqual(["deregister", "register"]);
    expect(outcomes).toEqual([{ ok: true }, { ok: true }]);
    await assertHolds(registry, wanted);
  });
});

function only(entries: readonly Registration[]): Registration {
  const [entry] = entries;
  if (entry === undefined || entries.length > 1) throw new Error("expected one registration");
  return entry;
}
