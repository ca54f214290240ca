/** Steps that harm the ways between Musters and what they talk to, and the servers at their ends. */
import { CLUSTER } from "./registries.ts";
import { type Act, letter, pick, type Stage, seconds } from "./stage.ts";
import type { Kind, Step } from "./story.ts";
import {
  REGISTRIES,
  type RegistryName,
  type RegistryWeather,
  SOURCES,
  type SourceName,
  type SourceWeather,
} from "./weather.ts";

type WayKind = Extract<
  Kind,
  | "cut source"
  | "lose events"
  | "repeat events"
  | "slow source"
  | "restart engine"
  | "marathon fails over"
  | "marathon lies"
  | "managers away"
  | "cut registry"
  | "registry errors"
  | "lose answers"
  | "late writes"
  | "slow registry"
  | "registry down"
  | "registry wiped"
>;

/** For how long a new leader of Marathon is there that then goes away, ms. */
const STAYS_MS = 3_500;

export function wayActs({ cluster, during, node, running, cutSources }: Stage): Record<WayKind, Act> {
  const { machine, reality, troubles, down, servers, marathon, weatherAt } = cluster;

  function onSource(what: string, fault: Partial<SourceWeather>): Act {
    return (step) => {
      const at = node(step);
      const name = sourceOf(step);
      const { impose, lift } = weatherAt(at).sources[name];
      const time = during(
        step,
        `source ${at.id} ${name}`,
        () => impose(fault),
        () => lift(fault),
      );
      if (fault.isCut === true) cutSources(at, name);
      return `${what} of ${name} at ${letter(at)} ${time}`;
    };
  }

  function onRegistry(what: string, fault: Partial<RegistryWeather>): Act {
    return (step) => {
      const at = node(step);
      const name = registryOf(step);
      const { impose, lift } = weatherAt(at).registries[name];
      const time = during(
        step,
        `line ${at.id} ${name}`,
        () => impose(fault),
        () => {
          lift(fault);
          // Who is answered with errors, or slowly, has nothing to notice.
          if (fault.isCut === true) cluster.returned(name, null, at);
        },
      );
      return `${what} between ${letter(at)} and ${name} ${time}`;
    };
  }

  function serverDown(isWiped: boolean): Act {
    return (step) => {
      const name = registryOf(step);
      const owner = name === "gateway" ? null : agentOf(step);
      const server = owner === null ? name : `${name} ${owner}`;
      if (down.has(server)) return null;
      const time = during(
        step,
        `server ${server}`,
        () => down.add(server),
        () => {
          down.delete(server);
          cluster.returned(name, owner, null);
        },
      );
      if (isWiped) servers[name].wipe(owner);
      return `${server.replace(/([a-c])\1+/, "$1")} is down ${time}${isWiped ? ", and has lost its data" : ""}`;
    };
  }

  function agentOf({ a }: Step): string {
    return pick([...reality.nodes.map(({ id }) => id), CLUSTER], a) ?? CLUSTER;
  }

  /** @returns for how long, in words; null: it is down already */
  function takeDown(step: Step, name: "swarm" | "marathon"): string | null {
    if (down.has(name)) return null;
    const time = during(
      step,
      `server ${name}`,
      () => down.add(name),
      () => down.delete(name),
    );
    cutEverywhere(name);
    return time;
  }

  function cutEverywhere(name: SourceName): void {
    for (const at of reality.nodes) cutSources(at, name);
  }

  return {
    "cut source": onSource("cut the stream", { isCut: true }),
    "lose events": onSource("lose events", { lost: 0.4 }),
    "repeat events": onSource("repeat events", { twice: 0.6 }),
    "slow source": onSource("delay what is said", { slowness: 400 }),
    "restart engine"(step) {
      const at = node(step);
      const server = `docker ${at.id}`;
      if (down.has(server)) return null;
      const time = during(
        step,
        `source ${at.id} docker`,
        () => down.add(server),
        () => down.delete(server),
      );
      cutSources(at, "docker");
      const own = running().filter((task) => task.node === at && task.app.orchestrator === "swarm");
      const crashed = step.b < 0.5 ? [] : own;
      for (const task of crashed) reality.crash(task);
      return `restart the engine at ${letter(at)} ${time}${crashed.length > 0 ? ", with all its containers" : ""}`;
    },
    "marathon fails over"(step) {
      troubles.mark("server marathon");
      marathon.failOver(1_000 + step.b * 7_000);
      cutEverywhere("marathon");
      if (step.a >= 0.4) return "Marathon fails over";
      // The new leader lists once or twice.
      machine.after(STAYS_MS, null, "Marathon goes away", () => takeDown(step, "marathon"));
      return `Marathon fails over, and ${seconds(STAYS_MS)} later is away for ${seconds(step.lasts)}`;
    },
    "marathon lies"() {
      troubles.mark("server marathon");
      marathon.lie();
      cutEverywhere("marathon");
      return "Marathon's next listing is empty";
    },
    "managers away"(step) {
      const name = step.b < 0.5 ? "swarm" : "marathon";
      const time = takeDown(step, name);
      return time === null ? null : `${name === "swarm" ? "no manager answers" : "Marathon is away"} ${time}`;
    },
    "cut registry": onRegistry("no way", { isCut: true }),
    "registry errors": onRegistry("errors", { errors: 0.5 }),
    "lose answers": onRegistry("lose answers", { lost: 0.5 }),
    "late writes": onRegistry("late writes", { late: 0.5 }),
    "slow registry": onRegistry("slow", { slowness: 600 }),
    "registry down": serverDown(false),
    "registry wiped": serverDown(true),
  };
}

function sourceOf({ b }: Step): SourceName {
  return pick(SOURCES, b) ?? "docker";
}

function registryOf({ b }: Step): RegistryName {
  return pick(REGISTRIES, b) ?? "consul";
}
