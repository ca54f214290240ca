/** Listeners of one load balancer and their rules, with what AWS refuses of them. */
import { AwsError, invalid } from "./errors.ts";
import type { Form, Xml } from "./xml.ts";

interface Condition {
  readonly field: string;
  readonly values: readonly string[];
}

export interface Rule {
  readonly arn: string;
  readonly listener: string;
  priority: number;
  conditions: readonly Condition[];
  /** Weight by target group. */
  forward: ReadonlyMap<string, number>;
}

export interface Routing {
  readonly listeners: Map<string, { readonly arn: string }>;
  readonly rules: Map<string, Rule>;
  addListener(): string;
  create(form: Form, quota: number): Rule;
  modify(form: Form): Rule;
  remove(arn: string | undefined): void;
  setPriorities(form: Form): readonly Rule[];
  of(listener: string | undefined): readonly Rule[];
  /** Whether a rule sends traffic to the group. */
  uses(group: string): boolean;
}

/** @param start of every ARN */
export function createRouting(start: string): Routing {
  const listeners = new Map<string, { readonly arn: string }>();
  const rules = new Map<string, Rule>();
  let made = 0;

  return {
    listeners,
    rules,
    addListener() {
      const arn = `${start}:listener/app/lb/0000000000000001/${suffix()}`;
      listeners.set(arn, { arn });
      return arn;
    },
    create(form, quota) {
      const listener = listenerOf(form.text("ListenerArn"));
      const priority = priorityOf(form);
      const there = of(listener);
      if (there.some((rule) => rule.priority === priority)) throw inUse(priority);
      if (there.length >= quota)
        throw new AwsError("TooManyRules", "You've reached the limit on the number of rules per listener");
      const arn = `${listener.replace(":listener/", ":listener-rule/")}/${suffix()}`;
      const rule = { arn, listener, priority, conditions: conditionsOf(form), forward: forwardOf(form) };
      rules.set(arn, rule);
      return rule;
    },
    modify(form) {
      const rule = ruleOf(form.text("RuleArn"));
      if (form.items("Conditions").length > 0) rule.conditions = conditionsOf(form);
      if (form.items("Actions").length > 0) rule.forward = forwardOf(form);
      return rule;
    },
    remove: (arn) => void rules.delete(ruleOf(arn).arn),
    setPriorities(form) {
      const wanted = form
        .items("RulePriorities")
        .map((item) => [ruleOf(item.text("RuleArn")), priorityOf(item)] as const);
      const moved = new Set(wanted.map(([rule]) => rule));
      for (const [rule, priority] of wanted) {
        const isTaken = of(rule.listener).some((other) => !moved.has(other) && other.priority === priority);
        if (isTaken) throw inUse(priority);
      }
      for (const [rule, priority] of wanted) rule.priority = priority;
      return [...moved];
    },
    of: (listener) => of(listenerOf(listener)),
    uses: (group) => [...rules.values()].some(({ forward }) => forward.has(group)),
  };

  function suffix(): string {
    made += 1;
    return made.toString(16).padStart(16, "0");
  }

  function of(listener: string): readonly Rule[] {
    return [...rules.values()].filter((rule) => rule.listener === listener).sort((a, b) => a.priority - b.priority);
  }

  function listenerOf(arn: string | undefined): string {
    const listener = listeners.get(arn ?? "");
    if (listener === undefined) throw new AwsError("ListenerNotFound", "One or more listeners not found");
    return listener.arn;
  }

  function ruleOf(arn: string | undefined): Rule {
    const rule = rules.get(arn ?? "");
    if (rule === undefined) throw new AwsError("RuleNotFound", "One or more rules not found");
    return rule;
  }
}

export function ruleXml({ arn, priority, conditions, forward }: Rule): Xml {
  const groups = [...forward].map(([group, weight]) => ({ TargetGroupArn: group, Weight: weight }));
  return {
    RuleArn: arn,
    Priority: String(priority),
    Conditions: conditions.map(({ field, values }) => ({
      Field: field,
      Values: values,
      ...(field === "host-header"
        ? { HostHeaderConfig: { Values: values } }
        : { PathPatternConfig: { Values: values } }),
    })),
    Actions: [
      {
        Type: "forward",
        Order: 1,
        TargetGroupArn: groups.length === 1 ? groups[0]?.TargetGroupArn : undefined,
        ForwardConfig: { TargetGroups: groups, TargetGroupStickinessConfig: { Enabled: false } },
      },
    ],
    IsDefault: false,
  };
}

function inUse(priority: number): AwsError {
  return new AwsError("PriorityInUse", `Priority '${priority}' is currently in use`);
}

function priorityOf(form: Form): number {
  const priority = form.number("Priority") ?? 0;
  if (!Number.isInteger(priority) || priority < 1 || priority > 50_000) {
    throw invalid(`Rule priority '${priority}' must be between 1 and 50000`);
  }
  return priority;
}

/** At most five values in all, of at most 128 signs. */
function conditionsOf(form: Form): readonly Condition[] {
  const conditions = form.items("Conditions").map((item) => ({
    field: item.text("Field") ?? "",
    values: [
      ...item.texts("Values"),
      ...item.texts("HostHeaderConfig.Values"),
      ...item.texts("PathPatternConfig.Values"),
    ],
  }));
  const values = conditions.flatMap((condition) => condition.values);
  if (values.length === 0) throw invalid("A condition value must be specified");
  if (values.length > 5) throw invalid("A rule can have at most 5 condition values");
  const odd = values.find((value) => value.length > 128 || !/^[A-Za-z0-9*?_.$/~"'@:+&-]+$/.test(value));
  if (odd !== undefined)
    throw invalid(`Condition value '${odd}' contains a character that is not valid or is too long`);
  return conditions;
}

function forwardOf(form: Form): ReadonlyMap<string, number> {
  const [action] = form.items("Actions");
  if (action?.text("Type") !== "forward") throw invalid("A rule must have a forward action");
  const single = action.text("TargetGroupArn");
  if (single !== undefined) return new Map([[single, 1]]);
  const groups = action.items("ForwardConfig.TargetGroups");
  if (groups.length < 1 || groups.length > 5) throw invalid("You must specify between 1 and 5 target groups");
  return new Map(groups.map((group) => [group.text("TargetGroupArn") ?? "", weightOf(group)]));
}

function weightOf(group: Form): number {
  const weight = group.number("Weight") ?? 1;
  if (weight < 0 || weight > 999) throw invalid(`Weight '${weight}' must be between 0 and 999`);
  return weight;
}
