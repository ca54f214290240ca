/** Whatever an engine answers or sends: an error in one line, or facts that the core can take; never nothing for something. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EngineError } from "../../adapters/sources/docker/errors.ts";
import { snapshotOf } from "../../adapters/sources/docker/facts.ts";
import { readInfo, readInspect, readNetworks, readRows } from "../../adapters/sources/docker/inspect.ts";
import { createEventReader } from "../../adapters/sources/docker/stream.ts";
import { sayingsOf } from "../../adapters/sources/swarm/facts.ts";
import { readNodes, readRole, readServices, readTasks } from "../../adapters/sources/swarm/shapes.ts";
import type { Fact } from "../../src/model.ts";
import { createWorld } from "../../src/world.ts";
import { node, synced } from "../facts.ts";
import { attempt, junk, mutated } from "./junk.ts";

const ID = "c".repeat(64);
const PORTS = { "8080/tcp": [{ HostIp: "0.0.0.0", HostPort: "32768" }], "53/udp": null };
const INSPECT = {
  ...{ Id: ID, Name: "/web.1.taskid", Image: `sha256:${"ab".repeat(32)}`, Created: "2026-11-21T10:00:00Z" },
  State: {
    Status: "running",
    Paused: false,
    Restarting: false,
    ExitCode: 0,
    StartedAt: "t",
    Health: { Status: "healthy" },
  },
  Config: {
    ...{ Image: "web:1", Env: ["SERVICE_NAME=web", "X=y"], ExposedPorts: { "8080/tcp": {} }, StopSignal: "SIGTERM" },
    Labels: { "com.docker.swarm.task.id": "taskid", "com.docker.swarm.service.id": "s1", "muster.name": "web" },
    ...{ Healthcheck: { Test: ["CMD", "true"] }, StopTimeout: 10 },
  },
  HostConfig: { NetworkMode: "default", PortBindings: PORTS },
  NetworkSettings: {
    Ports: PORTS,
    Networks: { bridge: { NetworkID: "b", IPAddress: "172.17.0.2", GlobalIPv6Address: "" } },
  },
};
const ROWS = [
  { Id: ID, Names: ["/web"], Labels: { a: "b" } },
  { Id: "d".repeat(64), Names: ["/api"], Labels: {} },
];
const SERVICES = [
  {
    ...{ ID: "s1", Version: { Index: 7 }, UpdateStatus: { State: "updating" } },
    Spec: {
      ...{ Name: "web", Labels: { "muster.name": "web" } },
      TaskTemplate: { ContainerSpec: { Image: "web:1@sha256:00", Labels: {}, Env: ["SERVICE_NAME=x"] } },
    },
    Endpoint: { Ports: [{ Protocol: "tcp", TargetPort: 8080, PublishedPort: 80, PublishMode: "ingress" }] },
  },
];
const TASKS = [
  {
    ...{ ID: "t1", Version: { Index: 8 }, CreatedAt: "2026-11-21T10:00:00Z", ServiceID: "s1", NodeID: "n1" },
    ...{ DesiredState: "running", Status: { State: "running", PortStatus: { Ports: SERVICES[0]?.Endpoint.Ports } } },
    NetworksAttachments: [
      {
        Network: { Spec: { Name: "net", Ingress: false }, DriverState: { Name: "overlay" } },
        Addresses: ["10.0.1.2/24"],
      },
    ],
  },
];
const NODES = [
  { ID: "n1", Status: { State: "ready", Addr: "10.0.0.1" }, ManagerStatus: { Leader: true, Addr: "10.0.0.1:2377" } },
];
const INFO = {
  ID: "E",
  SystemTime: "2026-11-21T10:00:00Z",
  Swarm: { NodeID: "n1", LocalNodeState: "active", ControlAvailable: true },
};

function expectOneLine(error: unknown): void {
  expect(error).toBeInstanceOf(EngineError);
  expect((error as Error).message).toMatch(/^[^\n]{1,600}$/);
}

/** The core takes it all in, and everything that it makes of it can be shown. */
function take(contents: readonly object[]): void {
  const world = createWorld({ sources: ["docker"] });
  const stamp = { source: "docker", clock: 1, at: 1, via: "junk" };
  for (const content of contents) world.join({ ...content, ...stamp } as Fact);
  for (const fact of [node(), synced()]) world.join(fact);
  JSON.stringify([...world.instances()]);
}

describe("an engine's answers", () => {
  it("of a container", () => {
    fc.assert(
      fc.property(mutated(INSPECT), (json) => {
        const read = attempt(() => readInspect(json));
        if ("error" in read) {
          expectOneLine(read.error);
          return;
        }
        const context = { node: "n1", expose: "published" as const, networks: new Map(), task: null };
        const { defined, assigned, addressed, health, task, status, reason } = snapshotOf(read.value, context);
        for (const [key, value] of Object.entries(defined.labels))
          expect([typeof key, typeof value]).toEqual(["string", "string"]);
        expect(Object.keys(defined.environment).every((key) => key.startsWith("SERVICE_"))).toBe(true);
        take([defined, assigned, addressed, health, { kind: "status", task, status, reason }]);
      }),
      { numRuns: 150 },
    );
  });

  it.each([
    ["containers", readRows, ROWS],
    ["services", readServices, SERVICES],
    ["tasks", readTasks, TASKS],
    ["nodes", readNodes, NODES],
  ] as const)("of all %s: what is not understood is no listing, and none is left out", (_, read, list) => {
    fc.assert(
      fc.property(fc.oneof(mutated(list), junk), (json) => {
        const result = attempt(() => read(json));
        if ("error" in result) expectOneLine(result.error);
        else expect(result.value.length).toBe((json as readonly unknown[]).length);
      }),
      { numRuns: 80 },
    );
  });

  it("of networks, and of itself", () => {
    fc.assert(
      fc.property(fc.oneof(mutated([{ Id: "a", Driver: "bridge", Ingress: false }]), mutated(INFO), junk), (json) => {
        for (const read of [readNetworks, readInfo, readRole]) {
          const result = attempt(() => read(json));
          if ("error" in result) expectOneLine(result.error);
        }
      }),
      { numRuns: 120 },
    );
  });

  it("of a swarm: the facts are such as the core can take", () => {
    const reading = fc.record({ services: mutated(SERVICES), tasks: mutated(TASKS), nodes: mutated(NODES) });
    fc.assert(
      fc.property(reading, fc.constantFrom(null, "n1"), ({ services, tasks, nodes }, own) => {
        const read = attempt(() => ({
          services: readServices(services),
          tasks: readTasks(tasks),
          nodes: readNodes(nodes),
        }));
        if ("error" in read) expectOneLine(read.error);
        else take(sayingsOf(read.value, { node: own, expose: "published" }).map(({ content }) => content));
      }),
      { numRuns: 120 },
    );
  });
});

describe("an engine's events", () => {
  const EVENT = {
    ...{ Type: "container", Action: "kill", timeNano: 1_700_000_000_000_000_000 },
    Actor: { ID, Attributes: { name: "web.1.taskid", signal: "15", "com.docker.swarm.task.id": "taskid" } },
  };
  const line = fc.oneof(
    mutated(EVENT).map((json) => JSON.stringify(json)),
    fc.string({ unit: "binary", maxLength: 60 }).map((text) => text.replaceAll("\n", "")),
  );

  it("garbage is told of, however it is cut, and nothing of what follows is lost", () => {
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        (lines, cuts) => {
          const heard: string[] = [];
          const reader = createEventReader(
            ({ container, action }) => void heard.push(`${action} ${container}`),
            (why) => expect(why).toMatch(/^[^\n]{1,200}$/),
          );
          const last = JSON.stringify({
            ...EVENT,
            Action: "die",
            Actor: { ID: "last", Attributes: { exitCode: "0" } },
          });
          const bytes = Buffer.from([...lines, last].map((each) => `${each}\n`).join(""));
          for (let at = 0, cut = 0; at < bytes.length; cut++) {
            const size = cuts[cut % cuts.length] ?? 1;
            reader.push(bytes.subarray(at, at + size));
            at += size;
          }
          reader.end();
          expect(heard.at(-1)).toBe("die last");
        },
      ),
      { numRuns: 80 },
    );
  });

  it("a line without an end is given up: it does not fill the memory, and what follows is heard", () => {
    const garbage: string[] = [];
    const heard: string[] = [];
    const reader = createEventReader(
      ({ action }) => void heard.push(action),
      (why) => void garbage.push(why),
    );
    const chunk = Buffer.alloc(1024 * 1024, "x");
    for (let sent = 0; sent < 12; sent++) reader.push(chunk);
    reader.push(Buffer.from(`\n${JSON.stringify(EVENT)}\n`));
    expect([garbage.length, heard]).toEqual([1, ["kill"]]);
  });
});
