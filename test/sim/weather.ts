/** What is wrong at the moment: between each Muster and what it talks to, and when it last was. */
import type { Link } from "../fakes/lock-service.ts";
import type { Random } from "../lab/marathon/random.ts";
import type { Line } from "./adapters.ts";
import type { Disk } from "./disk.ts";
import type { Machine } from "./machine.ts";
import type { Node } from "./reality.ts";
import type { Path } from "./server.ts";

export const SOURCES = ["docker", "swarm", "marathon"] as const;
export type SourceName = (typeof SOURCES)[number];
export const REGISTRIES = ["consul", "gateway"] as const;
export type RegistryName = (typeof REGISTRIES)[number];

export interface Troubles {
  /** Something begins to be wrong. @returns ends it */
  begin(key: string): () => void;
  /** Something was wrong just now. */
  mark(key: string): void;
  /** Whether none of these has been wrong for so long, ms. */
  isCalm(keys: readonly string[], since: number): boolean;
}

/** What can be wrong on the way of one Muster to one source. */
export interface SourceWeather {
  isCut: boolean;
  /** Share of the events that are lost, or come twice. */
  lost: number;
  twice: number;
  /** ms, one way. */
  slowness: number;
}

export interface RegistryWeather {
  isCut: boolean;
  errors: number;
  lost: number;
  late: number;
  slowness: number;
}

/** Several things can be wrong at a time, and end in any order. */
export interface Faults<W> {
  /** What it all comes to. */
  readonly now: W;
  impose(fault: Partial<W>): void;
  lift(fault: Partial<W>): void;
}

/** One node's. */
export interface NodeWeather {
  readonly sources: Readonly<Record<SourceName, Faults<SourceWeather>>>;
  readonly registries: Readonly<Record<RegistryName, Faults<RegistryWeather>>>;
  readonly lock: Link;
  readonly disk: Disk;
}

export function createTroubles(machine: Machine): Troubles {
  const active = new Map<string, number>();
  const last = new Map<string, number>();
  return {
    begin(key) {
      active.set(key, (active.get(key) ?? 0) + 1);
      let isOver = false;
      return () => {
        if (isOver) return;
        isOver = true;
        active.set(key, (active.get(key) ?? 1) - 1);
        last.set(key, machine.now());
      };
    },
    mark: (key) => void last.set(key, machine.now()),
    isCalm: (keys, since) =>
      keys.every((key) => (active.get(key) ?? 0) === 0 && machine.now() - (last.get(key) ?? -1e9) >= since),
  };
}

export function createNodeWeather(disk: Disk): NodeWeather {
  const source = () => faultsOver<SourceWeather>({ isCut: false, lost: 0, twice: 0.05, slowness: 2 });
  const registry = () => faultsOver<RegistryWeather>({ isCut: false, errors: 0, lost: 0, late: 0, slowness: 2 });
  return {
    sources: { docker: source(), swarm: source(), marathon: source() },
    registries: { consul: registry(), gateway: registry() },
    lock: { state: "up" },
    disk,
  };
}

function faultsOver<W extends object>(fair: W): Faults<W> {
  const faults = new Set<Partial<W>>();
  let now = fair;
  const settle = () => {
    now = Object.assign({ ...fair }, ...faults);
  };
  return {
    get now() {
      return now;
    },
    impose(fault) {
      faults.add(fault);
      settle();
    },
    lift(fault) {
      faults.delete(fault);
      settle();
    },
  };
}

/** Only the engine is on the node itself. */
export function pathOf(
  name: SourceName,
  node: Node,
  weather: Faults<SourceWeather>,
  isUp: () => boolean,
  random: Random,
): Path {
  return {
    isOpen: () =>
      !weather.now.isCut &&
      isUp() &&
      node.isOn &&
      (name === "docker" || !(node.isCut || (name === "swarm" && node.isUnheard))),
    delay: () => 0.2 + weather.now.slowness * (0.5 + random.next()),
    fate() {
      const chance = random.next();
      const { lost, twice } = weather.now;
      if (chance < lost) return "lost";
      return chance < lost + twice ? "twice" : "once";
    },
  };
}

/** @param isNear whether the registry is on the node itself (its Consul agent) */
export function lineOf({ now }: Faults<RegistryWeather>, node: Node, isNear: boolean, isDown: boolean): Line {
  return { ...now, isOpen: !now.isCut && node.isOn && (isNear || !node.isCut), isDown };
}
