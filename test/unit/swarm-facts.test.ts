import { describe, expect, it } from "vitest";
import { sayingsOf } from "../../adapters/sources/swarm/facts.ts";
import { createFeed } from "../../adapters/sources/swarm/feed.ts";
import type { Reading } from "../../adapters/sources/swarm/reading.ts";
import { readNodes, readRole, readServices, readTasks } from "../../adapters/sources/swarm/shapes.ts";
import { MANAGER, node, service, task, WORKER } from "../fakes/swarm-engine.ts";

const OWN = { node: "n1", expose: "published" } as const;
const ALL = { node: null, expose: "published" } as const;

function reading({ services = [], tasks = [], nodes = [] }: Record<string, readonly object[]>): Reading {
  return { services: readServices(services), tasks: readTasks(tasks), nodes: readNodes(nodes) };
}

function contentsOf(read: Reading, audience: typeof OWN | typeof ALL) {
  return sayingsOf(read, audience).map(({ content }) => content);
}

describe("what a manager says of tasks to their own node", () => {
  it.each([
    ["running", "running", null],
    ["running", "starting", null],
    ["ready", "ready", null],
    ["shutdown", "running", "desired state shutdown"],
    ["remove", "running", "desired state remove"],
    ["shutdown", "starting", "desired state shutdown"],
    // A constraint is no longer met: it says rejected although it still runs.
    ["running", "rejected", "state rejected"],
    ["shutdown", "orphaned", "desired state shutdown"],
    // A job is to complete, and runs until it does.
    ["complete", "running", null],
    ["shutdown", "shutdown", null],
    ["shutdown", "failed", null],
    ["running", "complete", null],
  ])("desired %s, state %s: %s", (desired, state, reason) => {
    const said = contentsOf(reading({ tasks: [task("t1", "n1", desired, state), task("t2", "n2", "shutdown")] }), OWN);

    expect(said).toEqual(reason === null ? [] : [{ kind: "status", task: "t1", status: "stopping", reason }]);
  });
});

describe("what a manager says to the leader", () => {
  it("tells each task with its node, addresses and status, but not where it never got one", () => {
    const host = { Protocol: "tcp", TargetPort: 80, PublishedPort: 8080, PublishMode: "host" };
    const attached = (Name: string, Ingress: boolean, address: string) => ({
      Network: { Spec: { Name, Ingress }, DriverState: { Name: "overlay" } },
      Addresses: [address],
    });
    const tasks = [
      {
        ...task("t1", "n1"),
        Status: { State: "running", PortStatus: { Ports: [host, host] } },
        NetworksAttachments: [attached("ingress", true, "10.0.0.7/24"), attached("back", false, "10.0.5.3/24")],
      },
      task("t2", "n2", "running", "starting"),
      task("t3", "", "running", "pending"),
      { ...task("t4", "n1"), ServiceID: "" },
    ];

    const said = contentsOf(reading({ tasks }), ALL);

    const binding = { containerPort: 80, protocol: "tcp", hostAddress: "0.0.0.0", hostPort: 8080 };
    const assigned = {
      inherits: "service:s1",
      definition: expect.stringMatching(/^containers:s1@/),
      created: Date.parse("2026-11-21T10:00:00.000Z"),
    };
    const bare = { mode: "mapped", bindings: [], networks: [], exposed: [] };
    expect(said).toEqual([
      { kind: "assigned", task: "t1", node: "n1", ...assigned },
      {
        ...{ kind: "addressed", task: "t1", ...bare },
        bindings: [{ ...binding, servicePort: null, portName: null }],
        networks: [{ name: "back", address: "10.0.5.3", reach: "overlay" }],
      },
      { kind: "status", task: "t1", status: "running", reason: null },
      { kind: "assigned", task: "t2", node: "n2", ...assigned },
      { kind: "addressed", task: "t2", ...bare },
      { kind: "status", task: "t2", status: "staging", reason: "starting" },
    ]);
  });

  it.each([
    ["ready", "up"],
    ["down", "down"],
    ["unknown", "unknown"],
    ["disconnected", "unknown"],
    ["", "unknown"],
  ])("a node that is %j is %s", (state, expected) => {
    expect(contentsOf(reading({ nodes: [node("n1", state)] }), ALL)).toMatchObject([{ state: expected }]);
  });

  it.each([
    ["10.0.0.1", "", "10.0.0.1"],
    ["0.0.0.0", "10.0.0.9:2377", "10.0.0.9"],
    ["127.0.0.1", "0.0.0.0:2377", null],
    ["", "[fd00::1]:2377", "fd00::1"],
  ])("a node at %j whose raft listens at %j is at %j", (Addr, raft, address) => {
    const nodes = [{ ID: "n1", Status: { State: "ready", Addr }, ManagerStatus: { Addr: raft } }];

    expect(contentsOf(reading({ nodes }), ALL)).toMatchObject([{ address }]);
  });
});

describe("a service's definition", () => {
  it("has its own labels, no digest, and the mesh's ports only", () => {
    const web = {
      ID: "s1",
      Version: { Index: 42 },
      Spec: {
        ...{ Name: "web", Labels: { "muster.name": "shop" } },
        TaskTemplate: { ContainerSpec: { Image: "web:v1@sha256:ab", Labels: { of: "container" } } },
      },
      Endpoint: {
        Ports: [
          { Protocol: "udp", TargetPort: 53, PublishedPort: 5353, PublishMode: "ingress" },
          { Protocol: "tcp", TargetPort: 80, PublishedPort: 8080, PublishMode: "host" },
          { Protocol: "tcp", TargetPort: 81, PublishedPort: 0, PublishMode: "ingress" },
        ],
      },
    };

    expect(contentsOf(reading({ services: [web] }), { ...OWN, expose: "labelled" } as never)).toEqual([
      {
        ...{ kind: "defined", definition: "service:s1", standing: true, app: "swarm:s1", version: "42", name: "web" },
        ...{ image: "web:v1", labels: { "muster.name": "shop" }, environment: {}, expose: "labelled" },
        ...{ healthChecked: false, ingress: [{ containerPort: 53, hostPort: 5353, protocol: "udp" }] },
      },
    ]);
  });

  it("is joined, for the leader, by what its containers are told, of the environment only what is meant for us", () => {
    const containers = { Labels: { "muster.route.path": "/shop" }, Env: ["SERVICE_NAME=shop", "DB_PASSWORD=x"] };
    const web = { ID: "s1", Spec: { Name: "web", Labels: { a: "b" }, TaskTemplate: { ContainerSpec: containers } } };

    expect(contentsOf(reading({ services: [web] }), ALL)).toMatchObject([
      { definition: "service:s1", labels: { a: "b" }, environment: {} },
      {
        ...{ app: "swarm:s1", name: "web", labels: { "muster.route.path": "/shop" } },
        environment: { SERVICE_NAME: "shop" },
      },
    ]);
    expect(JSON.stringify(contentsOf(reading({ services: [web] }), ALL))).not.toContain("DB_PASSWORD");
  });

  it("of its containers is that of the spec that each was made of, until the last of an old one has ended", () => {
    const spec = (host: string) => ({ ContainerSpec: { Labels: { "muster.route.host": host } } });
    const web = { ID: "s1", Spec: { Name: "web", Labels: {}, TaskTemplate: spec("new") } };
    const made = (id: string, host: string, state = "running") => ({
      ...task(id, "n1", "running", state),
      Spec: spec(host),
    });
    const hosts = (tasks: readonly object[]) => {
      const said = contentsOf(reading({ services: [web], tasks }), ALL);
      const asked = new Map(
        said.flatMap((one) => (one.kind === "defined" ? [[one.definition, one.labels["muster.route.host"]]] : [])),
      );
      const ofTasks = said.flatMap((one) => (one.kind === "assigned" ? [asked.get(one.definition)] : []));
      return { ofTasks, asked: [...asked.values()].filter((host) => host !== undefined) };
    };

    expect(hosts([made("t1", "old"), made("t2", "new"), task("t3", "n1")])).toEqual({
      ...{ ofTasks: ["old", "new", "new"], asked: ["new", "old"] },
    });
    expect(hosts([made("t1", "old", "shutdown"), made("t2", "new")])).toEqual({ ofTasks: ["new"], asked: ["new"] });
  });

  it("survives answers that lack what is not identity", () => {
    const said = contentsOf(reading({ services: [{ ID: "s1", Spec: { Labels: 7 } }], nodes: [{ ID: "n1" }] }), ALL);

    expect(said).toMatchObject([
      { node: "n1", address: null },
      { definition: "service:s1", name: "s1", labels: {} },
      { definition: expect.stringMatching(/^containers:s1@/), name: "s1", labels: {}, environment: {} },
    ]);
    expect(() => readTasks([{ Status: {} }])).toThrow("swarm: the engine's task list has no proper 0.ID");
  });
});

describe("from one reading to the next", () => {
  const kinds = (said: ReturnType<ReturnType<typeof createFeed>["changes"]>) => said.map(({ content }) => content.kind);
  const before = reading({ services: [service("s1"), service("s2")], tasks: [task("t1", "n1")], nodes: [node("n1")] });

  it("begins with a listing, then says only what is different", () => {
    const feed = createFeed(ALL);

    expect(kinds(feed.changes(before))).toEqual([
      ...["resync", "node", "defined", "defined", "defined", "defined", "assigned", "addressed", "status", "synced"],
    ]);
    expect(feed.changes(before)).toEqual([]);
    const stopping = reading({ ...before, tasks: [task("t1", "n1", "shutdown")] });
    expect(feed.changes(stopping).map(({ content }) => content)).toMatchObject([
      { kind: "status", status: "stopping" },
    ]);
  });

  it("a task that ends is gone, whether it is still listed or not", () => {
    for (const tasks of [[], [task("t1", "n1", "shutdown", "shutdown")]]) {
      const feed = createFeed(ALL);
      feed.listing(before);
      expect(feed.changes(reading({ ...before, tasks })).map(({ content }) => content)).toMatchObject([
        { kind: "gone", task: "t1" },
      ]);
    }
  });

  it("its own node hears of an end only if it has heard that the task stops", () => {
    const feed = createFeed(OWN);
    feed.listing(before);
    expect(feed.changes(reading({ ...before, tasks: [] }))).toEqual([]);
    feed.changes(reading({ ...before, tasks: [task("t1", "n1", "shutdown")] }));
    expect(kinds(feed.changes(reading({ ...before, tasks: [] })))).toEqual(["gone"]);
  });

  it("that a service or a node is no more takes a new listing", () => {
    const feed = createFeed(OWN);
    feed.listing(before);

    expect(kinds(feed.changes(reading({ ...before, services: [service("s1")] })))).toEqual([
      ...["resync", "node", "defined", "synced"],
    ]);
    expect(kinds(feed.changes(reading({ ...before, services: [service("s1")], nodes: [] })))).toEqual([
      ...["resync", "defined", "synced"],
    ]);
  });
});

describe("an engine's role", () => {
  it.each([
    [MANAGER, { kind: "manager", node: "n1" }],
    [WORKER, { kind: "worker", node: "n2", managers: ["127.0.0.1:2377"] }],
    [{ NodeID: "", LocalNodeState: "inactive" }, { kind: "outside" }],
    [null, { kind: "outside" }],
    // Booted without any manager in reach: it is still the node that it was.
    [
      { NodeID: "n2", LocalNodeState: "pending" },
      { kind: "worker", node: "n2", managers: [] },
    ],
    [
      { ...MANAGER, LocalNodeState: "locked" },
      { kind: "worker", node: "n1", managers: [] },
    ],
  ])("%j", (Swarm, role) => {
    expect(readRole({ ID: "e", Swarm })).toEqual(role);
  });
});
