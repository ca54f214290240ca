/** Steps that harm nodes and the Musters on them: their lives, disks, clocks, and their part in the election. */
import type { Life } from "./muster.ts";
import type { Node } from "./reality.ts";
import { type Act, letter, pick, type Stage, seconds } from "./stage.ts";
import type { Kind, Step } from "./story.ts";
import { REGISTRIES } from "./weather.ts";

type NodeKind = Extract<
  Kind,
  | "kill muster"
  | "stop muster"
  | "still muster"
  | "node off"
  | "node cut"
  | "node unheard"
  | "cut lock"
  | "end lock"
  | "disk full"
  | "disk fails"
  | "clock jumps"
>;

/** A process that stands still for longer in the midst of a request can't be kept from writing (decision 006). */
const STILL_MS = 1_500;

export function nodeActs({ cluster, during, node, cutSources }: Stage): Record<NodeKind, Act> {
  const { machine, reality, troubles, lives, down, servers, locks, skews, weatherAt } = cluster;

  function onLife(act: (life: Life, step: Step) => string): Act {
    return (step) => {
      const life = lives.get(node(step));
      return life?.process.alive === true ? act(life, step) : null;
    };
  }

  function powerOff(at: Node): void {
    const life = lives.get(at);
    if (life !== undefined) cluster.kill(life);
    weatherAt(at).disk.crash(machine.random.next);
    weatherAt(at).lock.state = "refused";
    down.add(`consul ${at.id}`);
    reality.powerOff(at);
  }

  function powerOn(at: Node): void {
    reality.powerOn(at);
    setLock(at, "up");
    down.delete(`consul ${at.id}`);
    if (!at.isCut) servers.consul.rejoin(at.id);
    cluster.boot(at);
    for (const app of reality.apps.filter(({ exists }) => exists).slice(0, 2)) reality.start(app, at);
  }

  function cutOff(at: Node): void {
    at.isCut = true;
    weatherAt(at).lock.state = "hanging";
    for (const name of ["swarm", "marathon"] as const) cutSources(at, name);
    reality.touch(at);
  }

  function rejoin(at: Node): void {
    at.isCut = false;
    setLock(at, "up");
    if (at.isOn) servers.consul.rejoin(at.id);
    reality.touch(at);
    for (const name of REGISTRIES) cluster.returned(name, null, at);
  }

  function setLock(at: Node, state: "up"): void {
    if (at.isOn && !at.isCut) weatherAt(at).lock.state = state;
  }

  function onDisk(what: string, fault: "full" | "no-sync"): Act {
    return (step) => {
      const at = node(step);
      const { disk } = weatherAt(at);
      const set = (next: typeof disk.fault) => () => {
        disk.fault = next;
      };
      return `the disk at ${letter(at)} ${what} ${during(step, `disk ${at.id}`, set(fault), set("none"))}`;
    };
  }

  return {
    "kill muster": onLife((life, step) => {
      const boot = () => cluster.boot(life.node);
      const time = during(step, `muster ${life.node.id}`, () => cluster.kill(life), boot);
      return `kill Muster at ${letter(life.node)}; it is gone ${time}`;
    }),
    "stop muster": onLife((life) => {
      life.process.stillUntil = 0;
      machine.after(0, life.process, "SIGTERM", () => life.stop.abort(new Error("SIGTERM")));
      return `stop Muster at ${letter(life.node)}`;
    }),
    "still muster": onLife((life, { lasts }) => {
      const ms = Math.min(lasts, STILL_MS);
      life.process.stillUntil = machine.now() + ms;
      troubles.mark(`muster ${life.node.id}`);
      return `Muster at ${letter(life.node)} stands still for ${seconds(ms)}`;
    }),
    "node off"(step) {
      const at = node(step);
      if (!at.isOn) return null;
      const isForever = step.b < 0.3 && reality.nodes.filter(({ isOn }) => isOn).length > 1;
      if (isForever) {
        powerOff(at);
        return `node ${letter(at)} loses power for good`;
      }
      const time = during(
        step,
        `node ${at.id}`,
        () => powerOff(at),
        () => powerOn(at),
      );
      return `node ${letter(at)} loses power ${time}`;
    },
    "node cut"(step) {
      const at = node(step);
      if (at.isCut || !at.isOn) return null;
      const time = during(
        step,
        `node ${at.id}`,
        () => cutOff(at),
        () => rejoin(at),
      );
      return `node ${letter(at)} is cut off ${time}`;
    },
    "node unheard"(step) {
      const at = node(step);
      if (at.isUnheard === true || !at.isOn) return null;
      const hear = (isUnheard: boolean) => () => {
        at.isUnheard = isUnheard;
        if (isUnheard) cutSources(at, "swarm");
        // Its Consul agent puts back what the leader has removed from the catalog.
        else if (at.isOn && !at.isCut) servers.consul.rejoin(at.id);
        reality.touch(at);
      };
      const time = during(step, `node ${at.id}`, hear(true), hear(false));
      return `no manager hears of node ${letter(at)} ${time}`;
    },
    "cut lock"(step) {
      const at = node(step);
      const { lock } = weatherAt(at);
      if (lock.state !== "up" || !at.isOn || at.isCut) return null;
      const state = pick(["refused", "hanging", "deaf"] as const, step.b) ?? "refused";
      const begin = () => {
        lock.state = state;
      };
      return `the lock is ${state} for ${letter(at)} ${during(step, `lock ${at.id}`, begin, () => setLock(at, "up"))}`;
    },
    "end lock"() {
      locks.destroyHolder();
      return "the leader's session is destroyed";
    },
    "disk full": onDisk("is full", "full"),
    "disk fails": onDisk("fails to sync", "no-sync"),
    "clock jumps": onLife(({ process, node: at }, { b }) => {
      const ms = Math.round((b - 0.5) * 180_000);
      process.skew += ms;
      skews.set(at, process.skew);
      troubles.mark(`muster ${at.id}`);
      return `the clock at ${letter(at)} jumps by ${seconds(ms)}`;
    }),
  };
}
