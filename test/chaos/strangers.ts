/** Entries of others, planted by hand in each registry, some of them named and marked much like Muster's. Nobody may touch them. */
import { sameJson } from "../../src/json.ts";
import { KINDS, targetsOf } from "../fakes/kong/store.ts";
import type { RegistryName } from "./fault.ts";
import { machineOf, type Stage } from "./stage.ts";

const CONSUL_IDS = ["theirs", "muster:default", "muster:default:another-node:theirs:8080", "consul-like"];
const KONG_IDS = ["0", "1", "2", "3", "4", "5"].map((digit) => `00000000-0000-4000-8000-00000000000${digit}`);
const [UPSTREAM, SERVICE, ROUTE, TARGET, OTHER, COPY] = KONG_IDS as [string, string, string, string, string, string];
/** On a machine that is not one of ours. */
const MACHINE = "10.99.0.9";
const INSTANCE = "i-0badc0de";
/** A group without our tag. */
const GROUP = "theirs";

const VULCAND: Readonly<Record<string, unknown>> = {
  "backends/theirs/backend": { Id: "theirs", Type: "http", Settings: {} },
  "backends/theirs/servers/s1": { Id: "s1", URL: `http://${MACHINE}:8080` },
  "frontends/theirs/frontend": { Id: "theirs", Route: 'Host("theirs.example")', Type: "http", BackendId: "theirs" },
  "backends/muster:other:cart:/backend": { Id: "muster:other:cart:", Type: "http", Settings: {} },
  "backends/muster:other:cart:/servers/muster:other:n1:docker:t:1::": { Id: "x", URL: `http://${MACHINE}:8081` },
  "hosts/theirs.example/host": { Name: "theirs.example", Settings: {} },
};

/** @param key the Consul service's id, the Kong row's, the Vulcand key, or `group/target id` */
export function isStranger(registry: RegistryName, key: string): boolean {
  if (registry === "consul") return CONSUL_IDS.includes(key);
  if (registry === "kong") return KONG_IDS.includes(key);
  if (registry === "vulcand") return key in VULCAND;
  return key.startsWith(`${GROUP}/`) || key.endsWith(`/${INSTANCE}`);
}

/** In all registries but Consul. */
export function plantStrangers({ kong, vulcand, elb }: Stage): void {
  const { store } = kong.world;
  const mark = ["muster", "muster-cluster.other", "muster-service.cart"];
  store.upstreams.set(UPSTREAM, { id: UPSTREAM, name: "theirs", tags: null });
  store.targets.set(TARGET, {
    id: TARGET,
    target: `${MACHINE}:8080`,
    weight: 7,
    upstream: { id: UPSTREAM },
    tags: null,
  });
  store.upstreams.set(OTHER, { id: OTHER, name: "other.cart", tags: mark });
  store.targets.set(COPY, { id: COPY, target: `${MACHINE}:8081`, weight: 100, upstream: { id: OTHER }, tags: mark });
  store.services.set(SERVICE, { id: SERVICE, name: "theirs", host: "theirs", tags: ["by-hand"] });
  const route = { name: "theirs", hosts: ["theirs.example"], paths: null, service: { id: SERVICE } };
  store.routes.set(ROUTE, { id: ROUTE, ...route, tags: ["muster"] });
  for (const [key, value] of Object.entries(VULCAND)) vulcand.store.set(key, JSON.stringify(value), null);
  const theirs = elb.world.addGroup({ name: GROUP });
  const put = (group: typeof theirs, id: string, port: number) =>
    group.targets.set(`${id}:${port}`, { id, port, registeredAt: 0, deregisteredAt: null, verdict: "healthy" });
  elb.world.machines.set(INSTANCE, { vpc: "vpc-1", state: "running" });
  for (const group of elb.world.groups.values()) put(group, INSTANCE, 8080);
  // On our own machine, in a group that is none of ours.
  put(theirs, machineOf(0), 9);
}

/** Also after Consul has been wiped. */
export async function plantInConsul({ consul }: Pick<Stage, "consul">): Promise<void> {
  const [theirs, bare, similar, like] = CONSUL_IDS;
  const bodies = [
    { ID: theirs, Name: "cart", Address: MACHINE, Port: 1, Meta: { team: "other" } },
    { ID: bare, Name: "shop", Address: MACHINE, Port: 2 },
    { ID: similar, Name: "mail", Address: MACHINE, Port: 3, Meta: { muster_owner: "default/yet-another" } },
    { ID: like, Name: "consul", Address: MACHINE, Port: 4, Tags: ["muster"] },
  ];
  for (const body of bodies) await consul.request({ method: "PUT", path: "/v1/agent/service/register", body });
}

/** The strangers' entries in a registry as they are now: equal to what they were, or somebody has touched them. */
export async function strangersIn(registry: RegistryName, stage: Stage): Promise<unknown> {
  if (registry === "consul") {
    const services = (await stage.consul.request({ path: "/v1/agent/services" })) as Record<string, unknown>;
    return CONSUL_IDS.map((id) => services[id] ?? null);
  }
  if (registry === "vulcand") {
    const dump = stage.vulcand.store.dump();
    return Object.keys(VULCAND).map((key) => dump[key] ?? null);
  }
  if (registry === "alb") {
    return [...stage.elb.world.groups.values()].map((group) => {
      const seen = stage.elb.world.seen(group).filter(({ id }) => isStranger("alb", `${group.name}/${id}`));
      return [group.name, seen.map(({ id, port, state }) => [id, port, state])];
    });
  }
  const { store } = stage.kong.world;
  const rows = KINDS.flatMap((kind) => [...store[kind].values()]).filter(({ id }) => isStranger("kong", id));
  return [...rows, ...targetsOf(store, UPSTREAM), ...targetsOf(store, OTHER)];
}

/** @returns what has changed, in words; null if nothing */
export function touched(before: unknown, now: unknown): string | null {
  const [was, is] = [before, now].map((value) => JSON.parse(JSON.stringify(value)));
  return sameJson(was, is) ? null : `was ${JSON.stringify(was)}, is ${JSON.stringify(is)}`;
}
