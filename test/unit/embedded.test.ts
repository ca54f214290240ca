import { describe, expect, it } from "vitest";
import { createEmbeddedRegistry, createEmbeddedStore, type EmbeddedStore } from "../../adapters/registries/embedded.ts";
import type { AdapterContext, Json, Registration } from "../../src/model.ts";
import type { Fault } from "../conformance/proxy.ts";
import { fleet, instance } from "../conformance/registry/fleet.ts";
import { type Backdoor, type Owner, testRegistry } from "../conformance/registry.ts";

const NEVER = new AbortController().signal;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

function contextFor({ cluster, node }: Owner): AdapterContext {
  return { name: "embedded", cluster, node, resync: 0, log: silent, now: () => 0, random: () => 0 };
}

const owner: Owner = { cluster: "c", node: { id: "n", address: "10.0.0.1" } };

/** A store that counts its writes and fails the n-th one. */
function watchedStore() {
  const store = createEmbeddedStore();
  const owners = new Set<string>(["stranger"]);
  let writes = 0;
  let plans: { readonly at: number; readonly fault: Fault | (() => Fault | undefined) }[] = [];

  /** What can happen to a call of a function: it is done, it throws, or (`lost`) both. */
  function write(action: () => void): void {
    writes += 1;
    const plan = plans.find(({ at }) => at === writes);
    const fault = typeof plan?.fault === "function" ? plan.fault() : plan?.fault;
    if (fault === undefined || fault.kind === "lost") action();
    if (fault !== undefined) throw new Error(`fault ${fault.kind}`);
  }

  const watched: EmbeddedStore = {
    entries(room) {
      owners.add(room);
      return store.entries(room);
    },
    put: (room, entry) => write(() => store.put(room, entry)),
    remove: (room, key) => write(() => store.remove(room, key)),
  };
  const all = () => [...owners].flatMap((room) => store.entries(room).map((entry) => ({ room, entry })));
  const backdoor: Backdoor = {
    async putStranger(like) {
      store.put("stranger", like);
    },
    world: async () =>
      Object.fromEntries(all().map(({ room, entry }): [string, Json] => [`${room} ${entry.key}`, entry.spec])),
    serves: async ({ key }: Registration) => all().some(({ entry }) => entry.key === key),
    mutations: () => writes,
    failMutation: (n, fault) => void plans.push({ at: writes + n, fault }),
    failReads() {},
    async down() {},
    async heal() {
      plans = [];
    },
    hanging: () => 0,
    sockets: () => 0,
  };
  return { watched, backdoor };
}

describe("the embedded registry", () => {
  const { watched, backdoor } = watchedStore();
  testRegistry(it, {
    lacks: ["services", "draining"],
    open: async (each) => ({ registry: createEmbeddedRegistry({}, contextFor(each), watched), backdoor }),
    runs: 100,
    skip: {
      11: "no request leaves the process, so there are no connections, statuses and credentials",
      12: "nothing waits, so nothing can be aborted in the middle; see the case below",
      15: "it reads no answers",
      20: "no write waits, so none can hang",
    },
  });

  it("rejects with the signal's reason once that is aborted, also between two changes", async () => {
    const registry = createEmbeddedRegistry({}, contextFor(owner), watched);
    const reason = new Error("told to stop");
    const stop = new AbortController();
    const changes = fleet(3)
      .flatMap((each) => registry.project(each))
      .map((after) => ({ op: "register", key: after.key, before: null, after }) as const);
    backdoor.failMutation(2, () => {
      stop.abort(reason);
      return undefined;
    });

    await expect(registry.apply(changes, stop.signal)).rejects.toBe(reason);
    await expect(registry.list(stop.signal)).rejects.toBe(reason);
    expect(await registry.list(NEVER)).toHaveLength(2);
  });

  it("shows what a consumer wants to read", () => {
    const registry = createEmbeddedRegistry({}, contextFor(owner));

    const [entry] = registry.project(instance(1, { address: "fd00::1", port: 53, protocol: "udp" }));

    expect(entry).toMatchObject({
      key: "task1:80",
      endpoint: "[fd00::1]:53/udp",
      spec: { service: "web", address: "fd00::1", port: 53, protocol: "udp", tags: ["a", "b"], meta: { team: "red" } },
    });
  });

  it("refuses an instance without an address, by name", () => {
    const registry = createEmbeddedRegistry({}, contextFor(owner));

    expect(() => registry.project(instance(1, { address: null }))).toThrow(
      "embedded: task1:80 has no address and port",
    );
  });
});
