/** Makes a fault happen, and ends it again. */
import type { Fault } from "./fault.ts";
import type { Operator } from "./operate.ts";
import { type Place, plainName, type Stage } from "./stage.ts";
import { plantInConsul } from "./strangers.ts";
import { startDeadEngines } from "./supervise.ts";
import type { TcpProxy, Trouble } from "./tcp-proxy.ts";
import type { Watch } from "./watch.ts";

export interface Inflicting {
  readonly stage: Stage;
  readonly watch: Watch;
  readonly operator: Operator;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Ends a fault; resolves when all is in its place again, though what runs may not have settled. */
export type Heal = () => Promise<void>;

type Of<K extends Fault["kind"]> = Extract<Fault, { readonly kind: K }>;

/** @returns how to end it, and more about it than the plan could say */
export async function inflict(
  fault: Fault,
  on: Inflicting,
): Promise<{ readonly heal: Heal; readonly detail?: string }> {
  switch (fault.kind) {
    case "way":
      return { heal: await onWay(fault, on) };
    case "answers":
      return { heal: onAnswers(fault, on) };
    case "consul":
      return { heal: await onConsul(fault, on) };
    case "muster":
      return { heal: await onMuster(fault, on) };
    case "dockerd":
      return { heal: await onDockerd(fault, on) };
    case "power":
      return { heal: await onPower(placeOf(fault.node, on), on) };
    case "leader": {
      const leader = await on.stage.swarm.leader();
      const place = on.stage.places.find(({ node }) => node.id === leader.id);
      if (place === undefined) throw new Error("harness: the leader is none of the nodes");
      return { heal: await onPower(place, on), detail: `node ${place.number}` };
    }
    case "partition":
      return { heal: await onPartition(fault, on) };
    case "drain":
      return { heal: await onDrain(fault, on) };
    case "demote":
      return { heal: await onDemote(fault, on) };
    case "crash loop":
      return { heal: await onCrashLoop(on) };
    case "unhealthy":
      return { heal: await onPlain(fault, on, ["exec", "touch", "/tmp/sick"], ["exec", "rm", "-f", "/tmp/sick"]) };
    case "paused":
      return { heal: await onPlain(fault, on, ["pause"], ["unpause"]) };
    default:
      return fault satisfies never;
  }
}

function placeOf(number: number, { stage }: Inflicting): Place {
  const place = stage.places[number];
  if (place === undefined) throw new Error(`harness: no node ${number}`);
  return place;
}

async function onWay({ node, way, trouble }: Of<"way">, on: Inflicting): Promise<Heal> {
  const over = way === "vulcand" ? on.watch.excuse(node, "vulcand") : () => {};
  const end = await placeOf(node, on).ways[way].trouble(trouble);
  return async () => {
    await end();
    over();
  };
}

function onAnswers({ registry, status, share }: Of<"answers">, { stage, watch, random }: Inflicting): Heal {
  const { kong, vulcand, elb, places } = stage;
  const isHit = () => random() < share;
  const message = "chaos";
  if (registry === "kong") {
    kong.fault(() => (isHit() ? { kind: "status", status, body: { message } } : null));
    return async () => kong.fault(null);
  }
  if (registry === "vulcand") {
    const over = places.map(({ number }) => watch.excuse(number, "vulcand"));
    vulcand.fault = () => (isHit() ? { kind: "status", status, message } : undefined);
    return async () => {
      vulcand.fault = () => undefined;
      for (const each of over) each();
    };
  }
  if (status === 429) {
    elb.throttle({ reads: { rate: 1, burst: 1 }, writes: { rate: 0.5, burst: 1 } });
    return async () => elb.throttle(null);
  }
  const fault = { kind: "answer", status, body: "" } as const;
  if (share === 1) elb.failReads(fault);
  for (let n = 1; n <= 500; n++) elb.failMutation(n, () => (isHit() ? fault : undefined));
  return () => elb.heal();
}

async function onConsul({ how }: Of<"consul">, { stage: { consul }, watch, random }: Inflicting): Promise<Heal> {
  if (how === "away") {
    await consul.stop();
    return () => consul.start();
  }
  if (how === "restart") {
    await (random() < 0.5 ? consul.kill() : consul.stop());
    await consul.start();
    return async () => {};
  }
  await watch.whileWiped(async () => {
    await consul.wipe();
    await consul.start();
    await plantInConsul({ consul });
  });
  return async () => {};
}

async function onMuster({ node, how }: Of<"muster">, on: Inflicting): Promise<Heal> {
  const { muster } = placeOf(node, on);
  const over = on.watch.excuse(node, "vulcand");
  await muster.stop(how);
  return async () => {
    muster.start();
    over();
  };
}

async function onDockerd({ node, how }: Of<"dockerd">, on: Inflicting): Promise<Heal> {
  const place = placeOf(node, on);
  const { node: engine } = place;
  const over = on.watch.excuse(node);
  await startDeadEngines([place]);
  await (how === "SIGKILL" ? engine.killDaemon() : engine.terminateDaemon());
  return async () => {
    await engine.startDaemon();
    over();
  };
}

async function onPower({ node, muster, number }: Place, { watch }: Inflicting): Promise<Heal> {
  const over = watch.excuse(number);
  await Promise.all([muster.stop("SIGKILL"), node.powerOff()]);
  return async () => {
    await node.boot();
    muster.start();
    over();
  };
}

/** Its cable, and all ways that lead from or to its Muster but for its own engine. */
async function onPartition({ node }: Of<"partition">, on: Inflicting): Promise<Heal> {
  const { node: engine, ways, peers } = placeOf(node, on);
  const over = on.watch.excuse(node);
  const { engine: _, ...toRegistries } = ways;
  const silent: Trouble = { kind: "silent" };
  await engine.partition();
  const cut: TcpProxy[] = [...Object.values(toRegistries), ...peers, ...peersTo(node, on)];
  const ends = await Promise.all(cut.map((proxy) => proxy.trouble(silent)));
  return async () => {
    await engine.heal();
    await Promise.all(ends.map((end) => end()));
    over();
  };
}

/** The others' proxies that lead to this node: each has one for every other node, in their order. */
function peersTo(number: number, { stage }: Inflicting): readonly TcpProxy[] {
  return stage.places.flatMap((place) => {
    const others = stage.places.filter((other) => other.number !== place.number);
    return place.peers.filter((_, index) => others[index]?.number === number);
  });
}

async function onDrain({ node }: Of<"drain">, on: Inflicting): Promise<Heal> {
  const { id } = placeOf(node, on).node;
  const over = on.watch.excuse(node);
  await on.operator.docker(["node", "update", "--availability", "drain", id]);
  return async () => {
    await on.operator.docker(["node", "update", "--availability", "active", id]);
    over();
  };
}

async function onDemote({ node }: Of<"demote">, on: Inflicting): Promise<Heal> {
  const { node: engine } = placeOf(node, on);
  const over = on.watch.excuse(node);
  await on.stage.swarm.demote(engine);
  return async () => {
    await on.stage.swarm.promote(engine);
    over();
  };
}

async function onCrashLoop({ operator }: Inflicting): Promise<Heal> {
  const publish = [
    "--publish",
    "mode=host,target=8080",
    "--restart-delay",
    "500ms",
    "--label",
    "muster.route.host=loop.example",
  ];
  const create = [
    "service",
    "create",
    "--detach",
    "--no-resolve-image",
    "--name",
    "loop",
    "--replicas",
    "2",
    ...publish,
  ];
  await operator.docker([...create, "lab/web:v1", "sh", "-c", "sleep 0.7; exit 1"]);
  return () => operator.docker(["service", "rm", "loop"]);
}

/** @param begin, end CLI arguments, into which the container's name goes after the first */
async function onPlain(
  { node }: Of<"unhealthy" | "paused">,
  on: Inflicting,
  begin: readonly string[],
  end: readonly string[],
): Promise<Heal> {
  const engine = placeOf(node, on).node;
  const run = ([verb = "", ...rest]: readonly string[]) => engine.docker([verb, plainName(node), ...rest]);
  await run(begin);
  return async () => {
    await run(end).catch((error: unknown) => {
      // Somebody has restarted it meanwhile.
      if (!String(error).includes("is not paused")) throw error;
    });
  };
}
