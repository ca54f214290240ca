/** What operators and programs do all the while: services that come, change and go. */
import type { Random } from "../lab/marathon/random.ts";
import type { Deed, Order, Route, Setting } from "./fault.ts";
import type { PlannedDeed } from "./plan.ts";

/** Names of services, of which only some are there at a time. */
const NAMES = ["cart", "shop", "mail", "stock", "bills"] as const;
/**
 * Services whose tasks have two ports, always: what they register is then called otherwise, and Muster keeps what a service
 * had under a name without instances for as long as the service exists (decision 009).
 */
const TWO_PORTS: readonly string[] = ["shop", "bills"];
/** So many there should be, more or less. */
const USUAL = 4;
const MOST_REPLICAS = 5;
/** Fixed host ports: so few that one service gets what another has just had. */
const PORTS: readonly number[] = [20_100, 20_101];
/** Target groups, which are there from the beginning. */
export const GROUPS = ["chaos-0", "chaos-1", "chaos-2"] as const;

/** The deeds of one round after the other; the first of all is that there are services. */
export type Deeds = (roundMs: number, round: number) => readonly PlannedDeed[];

export function createDeeds(random: Random, nodes: number): Deeds {
  /** What is there, and whether it may be scaled. */
  const there = new Map<string, Setting>();
  let made = 0;

  function create(): Deed {
    const free = NAMES.filter((name) => !there.has(name));
    const service = one(free);
    const setting = settingOf(service);
    there.set(service, setting);
    return { kind: "create", service, setting };
  }

  function settingOf(service: string): Setting {
    made++;
    const free = PORTS.filter((port) => ![...there.values()].some(({ published }) => published === port));
    const ports = TWO_PORTS.includes(service) ? [8080, 9090] : [8080];
    const isGlobal = free.length > 0 && ports.length === 1 && random.chance(0.4);
    const isNamed = random.chance(0.3);
    return {
      ...(isNamed && { name: `${service}-api` }),
      image: one(["lab/web:v1", "lab/web:v1", "lab/web:hc"]),
      replicas: isGlobal ? null : 1 + random.below(MOST_REPLICAS),
      ...(isGlobal && { published: one(free) }),
      ports,
      tags: `v${made}`,
      ...(random.chance(0.6) && { route: routeTo(service, ports) }),
      ...(random.chance(0.8) && { group: random.below(GROUPS.length) }),
      // A fixed port can't be had twice on a node, so that a new task must wait for the old one's end.
      order: isGlobal ? "stop-first" : order(),
    };
  }

  function routeTo(service: string, ports: readonly number[]): Route {
    return { host: `${service}-${made}.example`, label: ports.length > 1 ? "8080.route.host" : "route.host" };
  }

  function order(): Order {
    return random.chance(0.5) ? "start-first" : "stop-first";
  }

  function one<const T>(all: readonly T[]): T {
    const chosen = all[random.below(all.length)];
    if (chosen === undefined) throw new Error("chaos: nothing to choose from");
    return chosen;
  }

  function remove(): Deed {
    const service = one([...there.keys()]);
    there.delete(service);
    return { kind: "remove", service };
  }

  function change(): Deed {
    const [service, { replicas, ports }] = one([...there]);
    made++;
    const how: Order = replicas === null ? "stop-first" : order();
    const kinds: readonly (() => Deed)[] = [
      () => ({ kind: "image", service, image: one(["lab/web:v1", "lab/web:v2", "lab/web:hc"]), order: how }),
      () => ({
        ...{ kind: "relabel", service, tags: `v${made},${one(["blue", "green"])}` },
        ...(random.chance(0.6) && { route: routeTo(service, ports) }),
      }),
      () => ({ kind: "unroute", service, label: routeTo(service, ports).label }),
      () => ({ kind: "rebuild", service, build: String(made) }),
      () => ({ kind: "replace", service, order: how }),
    ];
    const scale = (): Deed => ({ kind: "scale", service, replicas: random.below(MOST_REPLICAS + 1) });
    return one(replicas === null ? kinds : [...kinds, scale, scale])();
  }

  function next(): Deed {
    const chance = random.next();
    if (there.size < USUAL - 1) return create();
    if (chance < 0.12 && there.size < NAMES.length) return create();
    if (chance < 0.22) return remove();
    if (chance < 0.4) return { kind: "crash", pick: random.next() };
    if (chance < 0.48) return { kind: "sick", pick: random.next() };
    if (chance < 0.54) return { kind: "restart", node: random.below(nodes) };
    return change();
  }

  return (roundMs, round) => {
    const deeds: PlannedDeed[] = [];
    while (round === 1 && there.size < USUAL) deeds.push({ at: 0, deed: create() });
    for (let at = 500 + random.below(2000); at < roundMs; at += 800 + random.below(3500))
      deeds.push({ at, deed: next() });
    return deeds;
  };
}
