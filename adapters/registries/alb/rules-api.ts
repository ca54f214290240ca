/** The calls about listener rules, in Muster's own words. */
import {
  type Action,
  AddTagsCommand,
  CreateRuleCommand,
  DeleteRuleCommand,
  DescribeRulesCommand,
  ModifyRuleCommand,
  type Rule,
  type RuleCondition,
  SetRulePrioritiesCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { notUnderstood } from "./errors.ts";
import { allPages } from "./pages.ts";
import type { Conditions } from "./routes.ts";
import type { Sender } from "./sender.ts";

/** A rule, whoever made it. */
export interface ListenerRule extends Conditions {
  readonly arn: string;
  readonly priority: number;
  /** ARNs; several where traffic is split by weights. */
  readonly groups: readonly string[];
  /** Whether it has conditions or actions that ours never have. */
  readonly isOther: boolean;
}

export interface NewRule extends Conditions {
  readonly listener: string;
  readonly priority: number;
  /** ARN */
  readonly group: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** As for `Elb`: rejects with `signal.reason` on abort, else with a `RequestError`. */
export interface RulesApi {
  /** All of the listener but its default one. */
  rules(listener: string, signal: AbortSignal): Promise<readonly ListenerRule[]>;
  create(rule: NewRule, signal: AbortSignal): Promise<void>;
  forward(rule: string, group: string, signal: AbortSignal): Promise<void>;
  prioritize(rule: string, priority: number, signal: AbortSignal): Promise<void>;
  /** Sets tags; others stay. */
  tag(rule: string, tags: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void>;
  remove(rule: string, signal: AbortSignal): Promise<void>;
}

export function createRulesApi({ call }: Sender): RulesApi {
  return {
    rules(listener, signal) {
      return allPages("DescribeRules", async (marker) => {
        const command = new DescribeRulesCommand({ ListenerArn: listener, Marker: marker });
        const output = await call("DescribeRules", (sdk) => sdk.send(command, { abortSignal: signal }), signal);
        if (output.Rules === undefined) throw notUnderstood("DescribeRules");
        const items = output.Rules.filter(({ IsDefault }) => IsDefault !== true).map(read);
        return { items, next: output.NextMarker };
      });
    },
    async create({ listener, priority, group, tags, ...conditions }, signal) {
      const command = new CreateRuleCommand({
        ListenerArn: listener,
        Priority: priority,
        Conditions: [...written(conditions)],
        Actions: [forwardTo(group)],
        Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
      });
      await call("CreateRule", (sdk) => sdk.send(command, { abortSignal: signal }), signal);
    },
    async forward(rule, group, signal) {
      const command = new ModifyRuleCommand({ RuleArn: rule, Actions: [forwardTo(group)] });
      await call("ModifyRule", (sdk) => sdk.send(command, { abortSignal: signal }), signal);
    },
    async prioritize(rule, priority, signal) {
      const command = new SetRulePrioritiesCommand({ RulePriorities: [{ RuleArn: rule, Priority: priority }] });
      await call("SetRulePriorities", (sdk) => sdk.send(command, { abortSignal: signal }), signal);
    },
    async tag(rule, tags, signal) {
      const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
      const command = new AddTagsCommand({ ResourceArns: [rule], Tags });
      await call("AddTags", (sdk) => sdk.send(command, { abortSignal: signal }), signal);
    },
    async remove(rule, signal) {
      const command = new DeleteRuleCommand({ RuleArn: rule });
      await call("DeleteRule", (sdk) => sdk.send(command, { abortSignal: signal }), signal);
    },
  };
}

function read({ RuleArn: arn, Priority, Conditions: conditions = [], Actions: actions = [] }: Rule): ListenerRule {
  const priority = Number(Priority);
  if (arn === undefined || !Number.isInteger(priority)) throw notUnderstood("DescribeRules");
  const [action] = actions;
  const split = action?.ForwardConfig?.TargetGroups?.flatMap(({ TargetGroupArn }) => TargetGroupArn ?? []) ?? [];
  const groups = split.length > 0 ? split : action?.TargetGroupArn === undefined ? [] : [action.TargetGroupArn];
  const isKnown = ({ Field }: RuleCondition) => Field === "host-header" || Field === "path-pattern";
  return {
    ...{
      arn,
      priority,
      groups,
      hosts: valuesOf(conditions, "host-header"),
      paths: valuesOf(conditions, "path-pattern"),
    },
    isOther: actions.length !== 1 || action?.Type !== "forward" || !conditions.every(isKnown),
  };
}

function valuesOf(conditions: readonly RuleCondition[], field: string): readonly string[] {
  return conditions
    .filter(({ Field }) => Field === field)
    .flatMap(({ Values, HostHeaderConfig, PathPatternConfig }) => {
      return HostHeaderConfig?.Values ?? PathPatternConfig?.Values ?? Values ?? [];
    });
}

function written({ hosts, paths }: Conditions): readonly RuleCondition[] {
  return [
    ...(hosts.length > 0 ? [{ Field: "host-header", HostHeaderConfig: { Values: [...hosts] } }] : []),
    ...(paths.length > 0 ? [{ Field: "path-pattern", PathPatternConfig: { Values: [...paths] } }] : []),
  ];
}

function forwardTo(group: string): Action {
  return { Type: "forward", TargetGroupArn: group };
}
