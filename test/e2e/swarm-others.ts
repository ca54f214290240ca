/** More registries for a fleet: a fake Vulcand and a fake ELBv2, and what they hold. */
import { type FakeElb, startFakeElb } from "../fakes/alb/server.ts";
import { type FakeVulcand, startFakeVulcand } from "../fakes/vulcand/server.ts";
import { addMachine, useCredentials } from "../integration/alb-harness.ts";
import type { SwarmNode } from "../lab/swarm.ts";

/** One more registry that is to be equal to what the engines say. */
export interface OtherRegistry extends AsyncDisposable {
  readonly name: string;
  /** One line for `registries` of the Muster on this node. */
  yaml(node: SwarmNode): string;
  /** `address:port` of what it sends a service's traffic to; null: it has nothing to do with it. */
  held(service: string): readonly string[] | null;
}

export interface OtherVulcand extends OtherRegistry {
  readonly fake: FakeVulcand;
}

export interface OtherAlb extends OtherRegistry {
  /** The hosts in the conditions of its listener's rules. */
  hosts(): readonly string[];
}

export async function otherVulcand(): Promise<OtherVulcand> {
  const fake = await startFakeVulcand("0.9.2-etcd2");
  return {
    fake,
    name: "vulcand",
    yaml: () => `vulcand: { url: "${fake.url}" }`,
    held(service) {
      const servers = Object.entries(fake.store.dump()).filter(([key]) => isServerOf(key, service));
      return servers.map(([, value]) => new URL((JSON.parse(value) as { URL: string }).URL).host);
    },
    [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
  };
}

function isServerOf(key: string, service: string): boolean {
  const [kind, backend = "", part] = key.split("/");
  return kind === "backends" && part === "servers" && backend.split(":")[2] === service;
}

/**
 * With targets by instance: the lab's addresses are none that AWS would take.
 * @param services those with a target group, of their name
 */
export async function otherAlb(services: readonly string[]): Promise<OtherAlb> {
  useCredentials();
  const elb: FakeElb = await startFakeElb();
  const groups = new Map(services.map((name) => [name, elb.world.addGroup({ name })]));
  /** Address → instance id. */
  const machines = new Map<string, string>();
  const listener = elb.world.routing.addListener();
  const named = [...groups.keys()].map((name) => `${name}: ${name}`).join(", ");
  return {
    name: "alb",
    yaml({ address }) {
      const id = machines.get(address) ?? `i-${machines.size.toString(16).padStart(8, "0")}`;
      machines.set(address, id);
      addMachine(elb, id);
      const where = `region: ${elb.region}, endpoint: "${elb.url}", instanceId: ${id}`;
      return `alb: { ${where}, targetGroups: { ${named} }, rules: { listeners: ["${listener}"] } }`;
    },
    held(service) {
      const group = groups.get(service);
      if (group === undefined) return null;
      const there = elb.world.seen(group).filter(({ state }) => state !== "draining");
      const addresses = new Map([...machines].map(([address, id]) => [id, address]));
      return there.map(({ id, port }) => `${addresses.get(id) ?? id}:${port}`);
    },
    hosts: () =>
      elb.world.routing
        .of(listener)
        .flatMap(({ conditions }) =>
          conditions.flatMap(({ field, values }) => (field === "host-header" ? values : [])),
        ),
    [Symbol.asyncDispose]: () => elb[Symbol.asyncDispose](),
  };
}
