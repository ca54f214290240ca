/** An operator at the swarm's CLI, who tries again for as long as the swarm has no leader, one order after the other. */
import { setTimeout as delay } from "node:timers/promises";
import { CommandError } from "../lab/run.ts";
import type { Deed, Route, Setting } from "./fault.ts";
import { type Place, plainName, type Stage } from "./stage.ts";
import { GROUPS } from "./work.ts";

export interface Operator {
  /** Gives an order to whichever manager takes it. Waits its turn. */
  docker(args: readonly string[]): Promise<void>;
  /** Does a deed. Waits its turn. @returns false if there was nothing to do it to */
  act(deed: Deed): Promise<boolean>;
}

/** For one attempt: a manager that is cut off takes long to say so. */
const ATTEMPT_MS = 15_000;
/** An order that nobody takes for so long is a fault of the harness. */
const ORDER_MS = 120_000;
/** What is said of an order that had been carried out without an answer, and of what has gone meanwhile. */
const DONE = /already exists|name conflicts|(?:service|node) \S+ not found|no such (?:service|node)/i;
const REFUSED = /invalid|unknown flag|unknown shorthand|requires/i;
const QUICK = ["--update-delay", "0s", "--update-monitor", "1s", "--update-failure-action", "continue"];

export function createOperator({ places }: Pick<Stage, "places">, signal: AbortSignal): Operator {
  let turn: Promise<unknown> = Promise.resolve();

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  const attempt = ({ node }: Place, args: readonly string[]) =>
    node.docker(args, { signal: AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_MS)]) });

  /** To each manager in turn, again and again. */
  async function order(args: readonly string[]): Promise<void> {
    const until = performance.now() + ORDER_MS;
    let cause: unknown;
    while (performance.now() < until) {
      for (const place of places) {
        cause = await attempt(place, args).then(
          () => null,
          (error: unknown) => error,
        );
        if (cause === null || isDone(cause)) return;
        signal.throwIfAborted();
      }
      await delay(300, undefined, { signal });
    }
    throw new Error(`harness: no manager does docker ${args.join(" ")}`, { cause });
  }

  /** On the container of one of the swarm's tasks, on whichever node; what has ended meanwhile is no matter. */
  async function toOneTask(pick: number, filters: readonly string[], does: (id: string) => readonly string[]) {
    const filter = ["--filter", "label=com.docker.swarm.task.id", ...filters];
    const found = places.map(async (place) => {
      const ids = await attempt(place, ["ps", "--quiet", "--no-trunc", ...filter]).catch(() => "");
      return ids.split("\n").flatMap((id) => (id === "" ? [] : [{ place, id }]));
    });
    const all = (await Promise.all(found)).flat();
    const chosen = all[Math.floor(pick * all.length)];
    if (chosen === undefined) return false;
    return await onNode(chosen.place, does(chosen.id));
  }

  async function onNode(place: Place | undefined, args: readonly string[]): Promise<boolean> {
    if (place === undefined) return false;
    return await attempt(place, args).then(
      () => true,
      () => false,
    );
  }

  async function perform(deed: Deed): Promise<boolean> {
    switch (deed.kind) {
      case "crash":
        return await toOneTask(deed.pick, [], (id) => ["kill", id]);
      case "sick":
        return await toOneTask(deed.pick, ["--filter", "health=healthy"], (id) => ["exec", id, "touch", "/tmp/sick"]);
      case "restart":
        return await onNode(places[deed.node], ["restart", "--time", "1", plainName(deed.node)]);
      default:
        await order(commandOf(deed));
        return true;
    }
  }

  return {
    docker: (args) => inTurn(() => order(args)),
    act: (deed) => inTurn(() => perform(deed)),
  };
}

/** Throws what no repetition would help against. */
function isDone(error: unknown): boolean {
  const said = error instanceof CommandError ? error.stderr : "";
  if (REFUSED.test(said)) throw new Error(`harness: ${said.trim()}`, { cause: error });
  return DONE.test(said);
}

/** The CLI's arguments. */
function commandOf(deed: Exclude<Deed, { readonly kind: "crash" | "sick" | "restart" }>): readonly string[] {
  const update = ["service", "update", "--detach", "--no-resolve-image"];
  switch (deed.kind) {
    case "create":
      return createCommand(deed.service, deed.setting);
    case "scale":
      return ["service", "scale", "--detach", `${deed.service}=${deed.replicas}`];
    case "image":
      return [...update, "--update-order", deed.order, "--image", deed.image, deed.service];
    case "relabel":
      return [...update, ...labels("--label-add", { tags: deed.tags, ...routeLabel(deed.route) }), deed.service];
    case "unroute":
      return [...update, "--label-rm", `muster.${deed.label}`, deed.service];
    case "rebuild":
      return [...update, ...labels("--container-label-add", { "meta.build": deed.build }), deed.service];
    case "replace":
      return [...update, "--update-order", deed.order, "--force", deed.service];
    case "remove":
      return ["service", "rm", deed.service];
    default:
      return deed satisfies never;
  }
}

function createCommand(service: string, setting: Setting): readonly string[] {
  const { name, image, replicas, published, ports, tags, route, group, order } = setting;
  const mode = replicas === null ? ["--mode", "global"] : ["--replicas", String(replicas)];
  const port = published === undefined ? "" : `,published=${published}`;
  const publish = ports.flatMap((each) => ["--publish", `mode=host,target=${each}${port}`]);
  const target = group === undefined ? undefined : GROUPS[group];
  const own = labels("--label", {
    ...{ name, tags, "alb.target-group": target },
    ...routeLabel(route),
  });
  const base = ["service", "create", "--detach", "--no-resolve-image", "--name", service, "--restart-delay", "500ms"];
  return [...base, ...mode, "--update-order", order, ...QUICK, ...publish, ...own, image];
}

function routeLabel(route: Route | undefined): Readonly<Record<string, string>> {
  return route === undefined ? {} : { [route.label]: route.host };
}

function labels(flag: string, values: Readonly<Record<string, string | undefined>>): readonly string[] {
  return Object.entries(values).flatMap(([key, value]) =>
    value === undefined ? [] : [flag, `muster.${key}=${value}`],
  );
}
