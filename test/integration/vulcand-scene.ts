/** A fake Vulcand and registries on it, as the tests of hazards and stories need them. */
import { afterEach, beforeEach } from "vitest";
import type { VulcandOptions } from "../../adapters/registries/vulcand/options.ts";
import type { Change, Instance, Outcome, Registration, Registry, Route } from "../../src/model.ts";
import { plan } from "../../src/plan.ts";
import { instance } from "../conformance/registry/fleet.ts";
import { createManualClock, type ManualClock } from "../fakes/clock.ts";
import type { Dialect } from "../fakes/vulcand/dialect.ts";
import { type FakeVulcand, startFakeVulcand } from "../fakes/vulcand/server.ts";
import { OWNER, openRegistry } from "./vulcand-harness.ts";

const NEVER = new AbortController().signal;

export interface Scene {
  readonly fake: FakeVulcand;
  /** Heart-beats, and the life times in etcd. */
  readonly clock: ManualClock;
  open(node?: string, options?: Partial<VulcandOptions>, cluster?: string): Registry;
  /** One pass of the registry's loop: list, plan, apply. */
  pass(registry: Registry, wanted: readonly Instance[]): Promise<readonly Outcome[]>;
  keys(): readonly string[];
  post(path: string, body: object): Promise<number>;
}

/** A new one for every test. */
export function scene(dialect: Dialect): Scene {
  let fake: FakeVulcand;
  let clock: ManualClock;
  let opened: Registry[] = [];

  beforeEach(async () => {
    clock = createManualClock();
    fake = await startFakeVulcand(dialect, { now: () => clock.now() });
  });
  afterEach(async () => {
    fake.etcd.resume();
    for (const registry of opened) await registry[Symbol.asyncDispose]();
    opened = [];
    await fake[Symbol.asyncDispose]();
  });

  return {
    get fake() {
      return fake;
    },
    get clock() {
      return clock;
    },
    open(node = "n1", options = {}, cluster = OWNER.cluster) {
      const owner = { cluster, node: { id: node, address: "10.0.0.1" } };
      const registry = openRegistry(fake.url, owner, { ttl: 30_000, timeout: 1000, ...options }, clock);
      opened.push(registry);
      return registry;
    },
    async pass(registry, wanted) {
      const changes = changesFor(registry, wanted, await registry.list(NEVER));
      return await registry.apply(changes, NEVER);
    },
    keys: () => Object.keys(fake.store.dump()).sort((a, b) => (a < b ? -1 : 1)),
    async post(path, body) {
      const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
      return (await fetch(`${fake.url}/v2/${path}`, init)).status;
    },
  };
}

export function changesFor(
  registry: Registry,
  wanted: readonly Instance[],
  current: readonly Registration[],
): readonly Change[] {
  const byKey = (entries: readonly Registration[]) => new Map(entries.map((entry) => [entry.key, entry]));
  const desired = byKey(wanted.flatMap((each) => registry.project(each)));
  const mayRemove = ({ inUse }: Registration) => inUse !== true;
  return plan({ desired, current: byKey(current), mayRemove, mode: "sync", removeFirst: false });
}

export function route(host: string | null, path?: string, more: Partial<Route> = {}): Route {
  const paths = path === undefined ? [] : [path];
  return { hosts: host === null ? [] : [host], paths, stripPath: false, priority: null, ...more };
}

/** The `n`-th instance of `web`, routed at `web.service.consul`. */
export function web(n: number, changes: Partial<Instance> = {}): Instance {
  return instance(n, { routes: [route("web.service.consul")], servicePort: 10_000, ...changes });
}
