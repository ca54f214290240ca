/** What the laws for registries need to judge the ALB adapter on the fake ELBv2. */
import { createHash } from "node:crypto";
import type { MadeSpec } from "../../adapters/registries/alb/made-spec.ts";
import type { RuleSpec } from "../../adapters/registries/alb/routes.ts";
import type { Instance, Json, Registry } from "../../src/model.ts";
import type { Backdoor, Owner } from "../conformance/registry.ts";
import type { FakeElb } from "../fakes/alb/server.ts";
import type { Group } from "../fakes/alb/world.ts";
import { addMachine, held, MACHINE, openAlb, put } from "./alb-harness.ts";

/** Every owner is a machine of its own, with its own address; each cluster has a group that carries its tag. */
export function lawsHarness(elb: FakeElb, type: "instance" | "ip", withRules = false, withMade = false) {
  const machines = new Map<string, { readonly id: string; readonly address: string }>();
  const groups = new Map<string, Group>();
  const listeners = new Map<string, string>();

  function machineOf({ cluster, node }: Owner) {
    const n = machines.size + 1;
    const found = machines.get(`${cluster} ${node.id}`);
    const made = found ?? { id: `i-${n.toString(16).padStart(8, "0")}`, address: `10.0.${n >> 8}.${n & 255}` };
    machines.set(`${cluster} ${node.id}`, made);
    addMachine(elb, made.id);
    return made;
  }

  function groupOf({ cluster }: Owner): Group {
    const found = groups.get(cluster);
    const made =
      found ?? elb.world.addGroup({ name: `laws-${type}-${groups.size}`, type, tags: { "muster:cluster": cluster } });
    groups.set(cluster, made);
    return made;
  }

  function listenerOf({ cluster }: Owner): string {
    const made = listeners.get(cluster) ?? elb.world.routing.addListener();
    listeners.set(cluster, made);
    return made;
  }

  async function open(owner: Owner): Promise<{ readonly registry: Registry; readonly backdoor: Backdoor }> {
    const { id: instanceId, address } = machineOf(owner);
    const { name } = groupOf(owner);
    const here = { ...owner, node: { ...owner.node, address } };
    const groups = { vpc: "vpc-12345678", type, healthPath: "/", drain: 0 };
    const rules = { listeners: [listenerOf(owner)], from: 1000, ...(withMade && { groups }) };
    const registry = openAlb(elb, { owner: here, options: { instanceId, ...(withRules && { rules }) } });
    // The laws' instances as they would be here: on this machine, labelled, and no two of them on one host port.
    const project = (each: Instance) =>
      registry.project({
        ...{ ...each, address, port: portOf(each) },
        ...(withMade ? { routes: routesOf(each) } : { albTargetGroups: [name] }),
      });
    return { registry: { ...registry, project }, backdoor: backdoorOf(elb) };
  }

  return { open };
}

/** Groups are only made for services with routes. */
function routesOf({ routes, service }: Instance): Instance["routes"] {
  const path = `/${createHash("sha256").update(service).digest("hex").slice(0, 8)}`;
  return routes.length > 0 ? routes : [{ hosts: [], paths: [path], stripPath: false, priority: null }];
}

function portOf({ task, port }: Instance): number | null {
  const n = /^task(\d+)$/.exec(task)?.[1];
  if (n === undefined || port === null) return port;
  return Math.max(8, port - (port % 8)) + (Number(n) % 8);
}

function backdoorOf(elb: FakeElb): Backdoor {
  const { world } = elb;
  const stranger = "i-0000ffff";

  function groupOf(name: unknown): Group {
    const group = [...world.groups.values()].find((each) => each.name === name);
    if (group === undefined) throw new Error(`no group ${String(name)}`);
    return group;
  }

  function putRule({ listener, hosts, paths }: RuleSpec): void {
    const arn = `${listener.replace(":listener/", ":listener-rule/")}/f${world.routing.rules.size}`;
    const conditions = [
      { field: "path-pattern", values: paths },
      { field: "host-header", values: hosts },
    ];
    const forward = new Map([[world.addGroup({ name: `theirs-${world.groups.size}` }).arn, 1]]);
    world.routing.rules.set(arn, { arn, listener, priority: 7, conditions, forward });
    world.tags.set(arn, new Map());
  }

  /** Nobody's, by the very name or one like it, and another cluster's. */
  function putGroup({ made }: MadeSpec): void {
    const isTaken = [...world.groups.values()].some(({ name }) => name === made);
    world.addGroup({ name: isTaken ? `${made.slice(0, 30)}-x` : made, tags: { "muster:service": "web" } });
    world.addGroup({ name: `x-${made.slice(0, 30)}`, tags: { "muster:cluster": "another", "muster:service": "web" } });
  }

  return {
    async putStranger({ spec }) {
      const {
        group: name,
        address,
        port,
        listener,
        made,
      } = spec as {
        readonly group: string;
        readonly address: string;
        readonly port: number;
        readonly listener?: string;
        readonly made?: string;
      };
      if (listener !== undefined) return putRule(spec as unknown as RuleSpec);
      if (made !== undefined) return putGroup(spec as unknown as MadeSpec);
      // One of Muster's making is not there before it makes it.
      const isThere = [...world.groups.values()].some((each) => each.name === name);
      const group = isThere ? groupOf(name) : world.addGroup({ name: `not-${String(name).slice(0, 28)}`, type: "ip" });
      addMachine(elb, stranger);
      put(group, group.type === "ip" ? `${address}1` : stranger, port);
      put(group, group.type === "ip" ? "10.0.255.1" : "i-000000010", port + 1);
      // Our own machine in a group that is nobody's: made by hand.
      const other = world.addGroup({ name: `foreign-${world.groups.size}`, type: group.type });
      for (const { id } of group.targets.values()) put(other, id, port);
      put(other, group.type === "ip" ? address : MACHINE, port);
    },
    async world() {
      const entries = [...world.groups.values()].flatMap((group) =>
        held(elb, group).map((target): [string, Json] => [`${group.name}/${target}`, true]),
      );
      const rules = [...world.routing.rules.values()].map(({ arn, conditions, forward }): [string, Json] => [
        arn,
        { conditions: conditions.map(({ field, values }) => ({ field, values })), to: [...forward.keys()] },
      ]);
      const groups = [...world.groups.values()].map(({ arn }): [string, Json] => [
        arn,
        Object.fromEntries(world.tags.get(arn) ?? []),
      ]);
      return Object.fromEntries([...entries, ...rules, ...groups]);
    },
    async serves({ key, spec }) {
      // A law asks again and again while a pass is under way, which needs its turns.
      await new Promise((resolve) => setImmediate(resolve));
      const { group, port } = spec as { group: string; port: number };
      const is = (state: string) => state === "initial" || state === "healthy";
      const found = world.seen(groupOf(group)).filter((target) => target.port === port);
      return found.some(({ state }) => is(state)) && key.startsWith(`${group}/`);
    },
    // Calls and targets: a batch is one call, however many it changes.
    mutations: () =>
      elb.calls
        .filter(({ action }) => !action.startsWith("Describe"))
        .reduce((sum, { form }) => sum + 1 + form.items("Targets").length, 0),
    failMutation: elb.failMutation,
    failReads: elb.failReads,
    down: elb.down,
    heal: elb.heal,
    hanging: elb.hanging,
    sockets: elb.sockets,
  };
}
