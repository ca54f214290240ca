/** What the load balancer does with a request: the first rule that matches, a group by its weight, a target of that. */
import type { Rule } from "./routing.ts";
import type { World } from "./world.ts";

export interface Request {
  readonly host?: string;
  readonly path: string;
  /** In [0, 1): which part of the weights it falls on. */
  readonly at?: number;
}

/** @returns the group's name, or `503` where it has no target, or where all weights are 0; `404` by the default rule */
export function answerOf(world: World, listener: string, request: Request): string {
  const rule = world.routing.of(listener).find((each) => matches(each, request));
  if (rule === undefined) return "404";
  const sum = [...rule.forward.values()].reduce((a, b) => a + b, 0);
  let left = (request.at ?? 0) * sum;
  for (const [arn, weight] of rule.forward) {
    left -= weight;
    if (left >= 0) continue;
    const group = world.group(arn);
    const isServed = world.seen(group).some(({ state }) => state !== "draining");
    return isServed ? group.name : "503";
  }
  return "503";
}

function matches({ conditions }: Rule, { host = "", path }: Request): boolean {
  return conditions.every(({ field, values }) =>
    values.some((value) => pattern(value).test(field === "host-header" ? host.toLowerCase() : path)),
  );
}

/** `*` stands for any number of characters, `?` for one. */
function pattern(value: string): RegExp {
  const plain = value.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${plain.replaceAll("*", ".*").replaceAll("?", ".")}$`);
}
