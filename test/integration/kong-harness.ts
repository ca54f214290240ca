/** The Kong adapter on the fake Kong, with a proxy in between where a test wants to count or to break something. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { createKongRegistry } from "../../adapters/registries/kong/index.ts";
import type { KongOptions } from "../../adapters/registries/kong/options.ts";
import type { AdapterContext, Json, Registration, Registry } from "../../src/model.ts";
import type { FaultProxy } from "../conformance/proxy.ts";
import type { Backdoor, Owner } from "../conformance/registry.ts";
import type { FakeKong } from "../fakes/kong/kong.ts";
import { targetsServed } from "../fakes/kong/serving.ts";
import type { Row } from "../fakes/kong/store.ts";

export const SECRET = "kong-admin-5f2c-secret";

export const silent = { debug() {}, info() {}, warn() {}, error() {} };

export const OWNER: Owner = { cluster: "default", node: { id: "n1", address: "10.0.0.1" } };

const DEFAULTS: Omit<KongOptions, "url"> = {
  timeout: 5000,
  concurrency: 8,
  headers: {},
  gateway: "instances",
  instances: "all",
  preserveHost: false,
};

export function openRegistry(
  url: string,
  { cluster, node, serviceLevel = "keep" }: Owner & Pick<AdapterContext, "serviceLevel"> = OWNER,
  options: Partial<KongOptions> = {},
  log: AdapterContext["log"] = silent,
): Registry {
  const context = { name: "kong", cluster, node, serviceLevel, resync: 0, log, now: Date.now, random: () => 0 };
  return createKongRegistry({ url, ...DEFAULTS, ...options }, context);
}

export async function writeToken(folder: string, token = SECRET): Promise<string> {
  const file = join(folder, "token");
  await writeFile(file, `${token}\n`);
  return file;
}

/** As an operator would, with curl. Rejects if Kong refuses it. */
export async function ask(kong: FakeKong, method: string, path: string, body?: object): Promise<Row> {
  const answer = await fetch(`${kong.url}${path}`, {
    method,
    ...(body !== undefined && { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return JSON.parse(text === "" ? "{}" : text);
}

export function backdoorOf(kong: FakeKong, proxy: FaultProxy): Backdoor {
  return {
    putStranger: (like) => (like.instance === null ? putNamesake(kong, like) : putLookAlikes(kong, like)),
    world: async () => worldOf(kong),
    async serves({ spec }) {
      // A look takes a turn, as it would over the network: laws look again and again.
      await setImmediate();
      const { upstream, target } = spec as { readonly upstream: string; readonly target: string };
      return targetsServed(kong.world, upstream).includes(target);
    },
    mutations: () => proxy.mutations.length,
    failMutation: proxy.failMutation,
    failReads: proxy.failReads,
    down: proxy.down,
    heal: proxy.heal,
    hanging: proxy.hanging,
    sockets: proxy.sockets,
  };
}

/** Everything, by kind and id, without times. */
export function worldOf({ world: { store } }: FakeKong): Readonly<Record<string, Json>> {
  const rows = Object.entries(store).flatMap(([kind, all]: [string, ReadonlyMap<string, Row>]) =>
    [...all.values()].map((row): [string, Json] => {
      const { created_at: _created, updated_at: _updated, ...rest } = row;
      return [`${kind} ${row.id}`, JSON.parse(JSON.stringify(rest))];
    }),
  );
  return Object.fromEntries(rows);
}

/** A hand-made object under our name. */
async function putNamesake(kong: FakeKong, { key }: Registration): Promise<void> {
  const [kind, name] = key.split("/");
  switch (kind) {
    case "upstreams":
      await ask(kong, "POST", "/upstreams", { name });
      return;
    case "services":
      await ask(kong, "POST", "/services", { name, host: "theirs.example" });
      return;
    default:
      await ask(kong, "PUT", "/services/of-a-stranger", { host: "theirs.example" });
      await ask(kong, "POST", "/services/of-a-stranger/routes", { name, paths: ["/theirs"] });
  }
}

/** Objects with names like ours, and copies of ours under other names, tags and all. */
async function putLookAlikes(kong: FakeKong, { spec, service, key }: Registration): Promise<void> {
  const { upstream, target } = spec as { readonly upstream: string; readonly target: string };
  const cluster = upstream === service ? "default" : upstream.slice(0, -service.length - 1);
  const shared = ["muster", `muster-cluster.${cluster}`, `muster-service.${service}`];
  const own = [...shared, "muster-node.AB~3aCD~3a1", "muster-instance.i", "muster-task.t", "muster-source.docker"];
  for (const [name, tags] of [
    [`${upstream}1`, null],
    [`x${upstream}`, null],
    [`copy-of.${upstream}`, shared],
  ] as const) {
    await ask(kong, "POST", "/upstreams", { name, tags });
    await ask(kong, "POST", `/upstreams/${name}/targets`, { target, tags: tags === null ? null : own });
    await ask(kong, "POST", "/services", { name, host: name, tags });
    await ask(kong, "POST", `/services/${name}/routes`, { name, paths: [`/${key.length}`], tags });
  }
}
