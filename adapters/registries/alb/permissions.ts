/**
 * Each permission, asked with a call that AWS authorises and then refuses, or that changes nothing: of targets, rules and
 * groups that can't exist (facts/alb.md §1.1, §1.5). There is no dry run in ELBv2.
 */
import type { Finding } from "../../../src/model.ts";
import { ok, problem, warning } from "../../diagnosis.ts";
import { messageOf } from "../../failure.ts";
import type { Elb, Target } from "./elb.ts";
import { hasCode, isDenied } from "./errors.ts";
import { type Group, SERVICE, TAG } from "./groups.ts";
import type { MadeApi, NewGroup } from "./made-api.ts";
import type { MadeOptions } from "./made-spec.ts";
import type { RulesApi } from "./rules-api.ts";

export interface AskParts {
  readonly elb: Elb;
  readonly api: RulesApi;
  readonly made: MadeApi;
  /** Null: Muster makes no groups. */
  readonly makes: MadeOptions | null;
  /** ARNs. */
  readonly listeners: readonly string[];
}

/** Which policies there are to copy from, for people. */
export const HELP = "deploy/aws/iam-policy.json; docs/alb.md has what rules and groups need on top";
/** What AWS says of what can't exist, once it has let us in. */
const AS_EXPECTED = [
  ...["InvalidTarget", "ValidationError", "InvalidInstance", "InvalidInstanceID.NotFound"],
  ...["RuleNotFound", "TargetGroupNotFound"],
];
/** In the name of all that can't exist. */
const NOBODY = "muster-doctor";
/** No VPC has this id. */
const NO_VPC = "vpc-00000000000000000";

/** No instance has this id, and no VPC this address (TEST-NET-1, RFC 5737). */
function nobody({ type }: Group): readonly Target[] {
  return [{ id: type === "instance" ? "i-00000000000000000" : "192.0.2.1", port: 1 }];
}

/** Whether targets of this group may be written. */
export async function* targets(
  { elb }: Pick<AskParts, "elb">,
  group: Group,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const { arn, name } = group;
  yield await permission("DescribeTargetHealth", name, () => elb.health(arn, nobody(group), signal), signal);
  yield await permission("RegisterTargets", name, () => elb.register(arn, nobody(group), signal), signal);
  // Also takes back what a server that checks nothing has registered just now.
  yield await permission("DeregisterTargets", name, () => elb.deregister(arn, nobody(group), signal), signal);
}

/** Whether rules of this listener may be written. */
export async function* rules(
  { api }: Pick<AskParts, "api">,
  listener: string,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const name = listener.split("/").at(-2) ?? listener;
  const rule = `${listener.replace(":listener/", ":listener-rule/")}/0000000000000000`;
  const group = noGroup(listener);
  const made = { listener, priority: 49_999, group, hosts: [`${NOBODY}.invalid`], paths: [] };
  const tags = { [TAG]: NOBODY };
  yield await permission("DescribeRules", name, () => api.rules(listener, signal), signal);
  yield await permission("CreateRule", name, () => api.create({ ...made, tags }, signal), signal);
  yield await permission("ModifyRule", name, () => api.forward(rule, group, signal), signal);
  yield await permission("SetRulePriorities", name, () => api.prioritize(rule, 49_999, signal), signal);
  yield await permission("DeleteRule", name, () => api.remove(rule, signal), signal);
}

/** The ARN of a group that does not exist, where this listener is. */
function noGroup(listener: string): string {
  return listener.replace(/:listener\/.*/, `:targetgroup/${NOBODY}/0000000000000000`);
}

/** Whether groups may be made; nothing where none are to be. */
export async function* makingGroups(
  { made, makes, listeners }: AskParts,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const [listener] = listeners;
  if (makes === null || listener === undefined) return;
  const arn = noGroup(listener);
  const tags = { [TAG]: NOBODY, [SERVICE]: NOBODY };
  const wanted = { ...makes, vpc: NO_VPC, name: NOBODY, tags };
  const on = "groups of Muster's making";
  yield await permission("DescribeTargetGroupAttributes", on, () => made.delay(arn, signal), signal);
  yield await permission("CreateTargetGroup", on, () => makeNone(made, wanted, signal), signal);
  yield await permission("ModifyTargetGroup", on, () => made.setHealthPath(arn, "/", signal), signal);
  yield await permission("ModifyTargetGroupAttributes", on, () => made.setDelay(arn, 30, signal), signal);
  yield await permission("DeleteTargetGroup", on, () => made.remove(arn, signal), signal);
}

/** A server that checks nothing has made it, and must not keep it. */
async function makeNone(made: MadeApi, group: NewGroup, signal: AbortSignal): Promise<void> {
  await made.remove(await made.create(group, signal), signal);
}

async function permission(
  action: string,
  on: string,
  attempt: () => Promise<unknown>,
  signal: AbortSignal,
): Promise<Finding> {
  try {
    await attempt();
    return allowed(action, on);
  } catch (error) {
    signal.throwIfAborted();
    if (hasCode(error, ...AS_EXPECTED)) return allowed(action, on);
    if (isDenied(error)) return denied(action, messageOf(error), on);
    return warning(action, `on ${on} it can't be told: ${messageOf(error)}`, "run muster doctor again");
  }
}

/** A permission that is there. */
export function allowed(action: string, on?: string): Finding {
  return ok(action, on === undefined ? "allowed" : `allowed on ${on}`);
}

/** A permission that is missing. @param text what AWS said */
export function denied(action: string, text: string, on?: string): Finding {
  const where = on === undefined ? "" : ` on ${on}`;
  // Tags are a permission of their own where something is made with them.
  const [, named = action] = /not authorized to perform: elasticloadbalancing:(\w+)/.exec(text) ?? [];
  return problem(action, `not allowed${where}: ${text}`, `allow elasticloadbalancing:${named}${where} (${HELP})`);
}
