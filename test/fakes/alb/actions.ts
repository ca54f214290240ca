/** What each action of the API does to the world, and what it answers. */
import { AwsError } from "./errors.ts";
import { groupActions, tagsOf } from "./group-actions.ts";
import { ruleXml } from "./routing.ts";
import type { World } from "./world.ts";
import type { Form, Xml } from "./xml.ts";

/** Throws an {@link AwsError} and has then changed nothing. */
export type Action = (world: World, form: Form) => Xml;

const ruleActions: Readonly<Record<string, Action>> = {
  DescribeListeners(world, form) {
    const asked = form.texts("ListenerArns");
    for (const arn of asked) world.routing.of(arn);
    const arns = asked.length > 0 ? asked : [...world.routing.listeners.keys()];
    return { Listeners: arns.map((arn) => ({ ListenerArn: arn, Port: 80, Protocol: "HTTP" })) };
  },
  DescribeRules: (world, form) => ({ Rules: world.routing.of(form.text("ListenerArn")).map(ruleXml) }),
  CreateRule(world, form) {
    const rule = world.routing.create(form, world.quotas.rulesPerListener);
    world.tags.set(rule.arn, new Map(Object.entries(tagsOf(form))));
    return { Rules: [ruleXml(rule)] };
  },
  ModifyRule: (world, form) => ({ Rules: [ruleXml(world.routing.modify(form))] }),
  SetRulePriorities: (world, form) => ({ Rules: world.routing.setPriorities(form).map(ruleXml) }),
  DeleteRule(world, form) {
    world.routing.remove(form.text("RuleArn"));
    world.tags.delete(form.text("RuleArn") ?? "");
    return {};
  },
};

const ACTIONS: Readonly<Record<string, Action>> = { ...groupActions, ...ruleActions };

export function perform(world: World, action: string, form: Form): Xml {
  const act = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
  if (act === undefined) throw new AwsError("InvalidAction", `The action ${action} is not valid for this web service`);
  return act(world, form);
}

export function isRead(action: string): boolean {
  return action.startsWith("Describe");
}
