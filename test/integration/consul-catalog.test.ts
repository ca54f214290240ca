import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ConsulOptions } from "../../adapters/registries/consul/options.ts";
import { systemClock } from "../../src/clock.ts";
import type { Fact, Logger, Registry } from "../../src/model.ts";
import { createReconciler } from "../../src/reconcile.ts";
import { createWorld } from "../../src/world.ts";
import { check, instance } from "../conformance/registry/fleet.ts";
import { assertHolds, converge, list, pass, project } from "../conformance/registry/pass.ts";
import { addressed, assigned, defined, node as nodeFact, resync, status, synced } from "../facts.ts";
import { settled } from "../fakes/clock.ts";
import { type Consul, startConsul } from "../lab/consul.ts";
import { POLICY } from "../reconciling.ts";
import { nodeNames, nodes, servicesOn, serving } from "./consul-cluster.ts";
import { agentServices, openRegistry, silent } from "./consul-harness.ts";

const HOST = "10.0.12.223";
let owners = 0;

describe("the Consul registry with the catalog", { timeout: 60_000 }, () => {
  let consul: Consul;

  beforeAll(async () => {
    consul = await startConsul({ dataDir: true });
  }, 60_000);

  afterAll(() => consul?.[Symbol.asyncDispose]());

  function newOwner() {
    owners += 1;
    return { cluster: `t${owners}`, node: { id: "me", address: "10.0.0.1" } };
  }

  function open(owner = newOwner(), options: Partial<ConsulOptions> = {}, log: Logger = silent): Registry {
    return openRegistry(consul.url, owner, { catalog: true, ...options }, log);
  }

  function put(path: string, body: object, to = consul): Promise<unknown> {
    return to.request({ method: "PUT", path: `/v1/catalog/${path}`, body });
  }

  it("registers, updates and deregisters, and takes the node away with its last service", async () => {
    await using registry = open();
    const service = `shop${owners}`;
    const node = `muster:t${owners}:me@${HOST}`;
    const at = { node: HOST, address: HOST, service };
    const first = instance(1, { ...at, health: "passing", checks: [check()], weight: 5 });
    const second = instance(2, { ...at, protocol: "udp" });

    await converge(registry, [first, second, instance(3, { node: "me" })]);

    const key = `muster:t${owners}:me:task1:80@catalog:${HOST}`;
    expect(await nodes(consul)).toContainEqual(
      expect.objectContaining({
        Node: node,
        Address: HOST,
        Meta: {
          "external-node": "true",
          "external-probe": "false",
          muster_owner: `t${owners}/me`,
          muster_host: HOST,
        },
      }),
    );
    expect((await servicesOn(consul, node))?.[key]).toMatchObject({
      Service: service,
      Address: HOST,
      Port: 10_001,
      Tags: ["a", "b"],
      Meta: { team: "red", muster_id: "task1:80", muster_task: "task1", muster_host: HOST },
      Weights: { Passing: 5 },
    });
    expect(await serving(consul, service)).toHaveLength(2);
    expect(Object.keys(await agentServices(consul))).toEqual([`muster:t${owners}:me:task3:80`]);
    expect(project(registry, [first])[0]?.notes).toEqual([`checks left out (http): ${HOST} has no agent to run them`]);

    const changed = { ...first, tags: ["new"], health: "failing" as const };
    await converge(registry, [changed, second]);
    await assertHolds(registry, [changed, second]);
    expect((await servicesOn(consul, node))?.[key]?.Tags).toEqual(["new"]);
    expect(await serving(consul, service)).toEqual([`muster:t${owners}:me:task2:80@catalog:${HOST}`]);

    await converge(registry, [second]);
    expect(await nodeNames(consul)).toContain(node);
    await converge(registry, []);
    expect(await nodeNames(consul)).not.toContain(node);
  });

  it("takes a draining task out of service, and in again", async () => {
    await using registry = open();
    const node = `muster:t${owners}:me@${HOST}`;
    const world = createWorld({ sources: ["docker"] });
    const sink = { async audit() {} };
    const reconciler = createReconciler({
      ...{ registry, world, sink, log: silent, policy: POLICY, clock: systemClock, random: Math.random },
    });
    const name = `drained${owners}`;
    const facts: readonly Fact[] = [
      ...[resync(), defined({ name }), assigned({ node: HOST }), addressed(), status()],
      ...[nodeFact({ node: HOST, address: HOST }), synced()],
    ];
    for (const fact of facts) world.join(fact);
    const [id = ""] = [...world.instances()].map((known) => known.id);
    const pass1 = () => reconciler.pass(new AbortController().signal);

    await pass1();
    expect(await serving(consul, name)).toHaveLength(1);
    world.drain([id], true);
    await settled();
    await pass1();
    expect(await serving(consul, name)).toEqual([]);
    const health = await consul.request({ path: `/v1/health/checks/${name}` });
    expect(health).toMatchObject([{ Status: "critical", Name: expect.stringMatching(/^draining: /) }]);
    expect(await list(registry)).toMatchObject([{ draining: true }]);
    world.drain([id], false);
    await settled();
    await pass1();
    expect(await serving(consul, name)).toHaveLength(1);
    expect((await list(registry))[0]).not.toHaveProperty("draining");
    await converge(registry, []);
    expect(await nodeNames(consul)).not.toContain(node);
  });

  it("leaves a maintenance in place", async () => {
    await using registry = open();
    const service = `maintained${owners}`;
    const wanted = instance(1, { node: HOST, service });
    await converge(registry, [wanted]);
    const [{ key = "" } = {}] = project(registry, [wanted]);
    const node = `muster:t${owners}:me@${HOST}`;
    const maintenance = { CheckID: `_service_maintenance:${key}`, ServiceID: key, Name: "x", Status: "critical" };
    await put("register", { Node: node, Address: HOST, SkipNodeUpdate: true, Check: maintenance });

    await assertHolds(registry, [wanted]);
    await converge(registry, [{ ...wanted, tags: ["new"] }]);
    expect(await serving(consul, service)).toEqual([]);

    await converge(registry, []);
    expect(await nodeNames(consul)).not.toContain(node);
  });

  const repairs: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
    ["address of the node", { Address: "10.9.9.9" }],
    ["meta of the node", { NodeMeta: { more: "x", "external-probe": "true" } }],
    ["status", { Check: { Status: "critical" } }],
    ["name of its check", { Check: { Name: "theirs" } }],
    ["set of tags", { Service: { Tags: ["theirs"] } }],
    ["port", { Service: { Port: 7 } }],
  ];

  it.each(repairs)("sees and repairs a changed %s", async (_, change) => {
    await using registry = open();
    const wanted = instance(1, { node: HOST });
    await converge(registry, [wanted]);
    const [{ key = "" } = {}] = project(registry, [wanted]);
    const Node = `muster:t${owners}:me@${HOST}`;
    const Meta = (await nodes(consul)).find((node) => node.Node === Node)?.Meta;
    const held = (await servicesOn(consul, Node))?.[key];
    const [own] = (await consul.request({
      path: `/v1/health/node/${encodeURIComponent(Node)}`,
    })) as readonly object[];
    await put("register", {
      Node,
      Address: change["Address"] ?? HOST,
      NodeMeta: { ...Meta, ...(change["NodeMeta"] as object) },
      Service: { ...held, ...(change["Service"] as object) },
      ...("Check" in change && { Check: { ...own, ...(change["Check"] as object) } }),
    });

    expect((await pass(registry, [wanted])).changes).toMatchObject([{ op: "update", key }]);
    await assertHolds(registry, [wanted]);
    await converge(registry, []);
  });

  it("takes a node of ours away that others have emptied", async () => {
    await using registry = open();
    const wanted = instance(1, { node: HOST });
    await converge(registry, [wanted]);
    const [{ key = "" } = {}] = project(registry, [wanted]);
    const Node = `muster:t${owners}:me@${HOST}`;
    await put("deregister", { Node, ServiceID: key });

    // Wanted again: the node stays, or is made anew.
    await converge(registry, [wanted]);
    await assertHolds(registry, [wanted]);
    await put("deregister", { Node, ServiceID: key });
    await converge(registry, []);

    expect(await nodeNames(consul)).not.toContain(Node);
    expect(await list(registry)).toEqual([]);
  });

  it("moves entries from and to the catalog when it is switched on and off", async () => {
    const owner = newOwner();
    const wanted = [instance(1, { node: HOST })];
    for (const options of [{ catalog: true }, { agents: {}, catalog: false }, { catalog: true }]) {
      await using registry = open(owner, options);
      await converge(registry, wanted);
      await assertHolds(registry, wanted);
      const isThere = (await nodeNames(consul)).includes(`muster:t${owners}:me@${HOST}`);
      expect([isThere, Object.keys(await agentServices(consul)).length]).toEqual(
        options.catalog ? [true, 0] : [false, 1],
      );
    }
    await using registry = open(owner);
    await converge(registry, []);
  });

  it("lets others change the tags where they may", async () => {
    await using registry = open(newOwner(), { enableTagOverride: true });
    const wanted = instance(1, { node: HOST, tags: ["ours"] });
    await converge(registry, [wanted]);
    const [{ key = "" } = {}] = project(registry, [wanted]);
    const Node = `muster:t${owners}:me@${HOST}`;
    const held = (await servicesOn(consul, Node))?.[key];
    await put("register", { Node, Address: HOST, SkipNodeUpdate: true, Service: { ...held, Tags: ["theirs"] } });

    await assertHolds(registry, [wanted]);
    await converge(registry, [{ ...wanted, weight: 5 }]);
    expect((await servicesOn(consul, Node))?.[key]?.Tags).toEqual(["theirs"]);
    await converge(registry, [{ ...wanted, tags: ["ours", "new"] }]);
    expect((await servicesOn(consul, Node))?.[key]?.Tags).toEqual(["ours", "new"]);
    await converge(registry, []);
  });
});
