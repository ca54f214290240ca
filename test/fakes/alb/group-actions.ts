/** Target groups, their targets and tags: what each action does and answers. */
import type { Action } from "./actions.ts";
import { AwsError, invalid, notFound } from "./errors.ts";
import { healthXml, NOT_REGISTERED } from "./targets.ts";
import { checkTarget } from "./validate.ts";
import type { Group, World } from "./world.ts";
import type { Form, Xml } from "./xml.ts";

const SETTINGS = ["HealthCheckPath", "Protocol", "VpcId", "TargetType"];

/** A page of DescribeTargetGroups. */
const PAGE = 400;

export const groupActions: Readonly<Record<string, Action>> = {
  RegisterTargets(world, form) {
    const group = world.group(form.text("TargetGroupArn"));
    const wanted = targetsOf(form, group);
    for (const target of wanted) checkTarget(group, world.machines, target);
    const added = new Set(wanted.map(keyOf).filter((key) => group.targets.get(key)?.deregisteredAt !== null));
    if (registeredIn(group) + added.size > world.quotas.targetsPerGroup) {
      throw new AwsError("TooManyTargets", "The maximum number of targets per target group has been reached");
    }
    for (const target of wanted) register(world, group, target);
    return {};
  },

  DeregisterTargets(world, form) {
    const group = world.group(form.text("TargetGroupArn"));
    for (const target of targetsOf(form, group)) {
      const held = group.targets.get(keyOf(target));
      if (held !== undefined && held.deregisteredAt === null) held.deregisteredAt = world.now();
    }
    return {};
  },

  DescribeTargetHealth(world, form) {
    const group = world.group(form.text("TargetGroupArn"));
    const seen = world.seen(group);
    const asked = form.items("Targets").length === 0 ? null : targetsOf(form, group);
    const found = (asked ?? seen).map(({ id, port }) => {
      const state = seen.find((one) => one.id === id && one.port === port) ?? NOT_REGISTERED;
      return healthXml(id, port, state);
    });
    return { TargetHealthDescriptions: found };
  },

  DescribeTargetGroups(world, form) {
    const names = form.texts("Names");
    const arns = form.texts("TargetGroupArns");
    const all = [...world.groups.values()];
    const found = all.filter(({ name, arn }) => names.includes(name) || arns.includes(arn));
    if (found.length < names.length + arns.length) throw notFound();
    const chosen = names.length + arns.length === 0 ? all : found;
    const from = form.number("Marker") ?? 0;
    const size = form.number("PageSize") ?? PAGE;
    const more = chosen.length > from + size;
    return {
      TargetGroups: chosen.slice(from, from + size).map(groupXml),
      NextMarker: more ? String(from + size) : undefined,
    };
  },

  CreateTargetGroup(world, form) {
    const name = form.text("Name") ?? "";
    if (!/^(?!-)[A-Za-z0-9-]{1,32}(?<!-)$/.test(name)) throw invalid(`Target group name '${name}' is not valid`);
    const there = [...world.groups.values()].find((group) => group.name === name);
    if (there !== undefined) {
      // The same once more is a success (facts/alb.md §2).
      const isSame = SETTINGS.every((setting) => there.settings.get(setting) === form.text(setting));
      if (isSame) return { TargetGroups: [groupXml(there)] };
      throw new AwsError("DuplicateTargetGroupName", `A target group with the name '${name}' already exists`);
    }
    if (world.groups.size >= world.quotas.groups)
      throw new AwsError("TooManyTargetGroups", "You've reached the limit on the number of target groups");
    const group = world.addGroup({
      name,
      type: form.text("TargetType") === "ip" ? "ip" : "instance",
      port: form.number("Port") ?? 80,
      tags: tagsOf(form),
      attached: false,
    });
    for (const setting of SETTINGS) {
      const value = form.text(setting);
      if (value !== undefined) group.settings.set(setting, value);
    }
    return { TargetGroups: [groupXml(group)] };
  },

  ModifyTargetGroup(world, form) {
    const group = world.group(form.text("TargetGroupArn"));
    const path = form.text("HealthCheckPath");
    if (path !== undefined) group.settings.set("HealthCheckPath", path);
    return { TargetGroups: [groupXml(group)] };
  },

  DeleteTargetGroup(world, form) {
    const group = world.groups.get(form.text("TargetGroupArn") ?? "");
    if (group === undefined) return {};
    if (group.isAttached || world.routing.uses(group.arn)) {
      throw new AwsError("ResourceInUse", `Target group '${group.arn}' is currently in use by a listener or a rule`);
    }
    world.removeGroup(group.arn);
    return {};
  },

  DescribeTags(world, form) {
    const arns = form.texts("ResourceArns");
    if (arns.length > 20) throw invalid("The number of resource ARNs must be at most 20");
    const found = arns.map((arn) => {
      const tags = world.tags.get(arn);
      if (tags === undefined) throw notFound();
      return { ResourceArn: arn, Tags: [...tags].map(([Key, Value]) => ({ Key, Value })) };
    });
    return { TagDescriptions: found };
  },

  AddTags(world, form) {
    for (const arn of form.texts("ResourceArns")) {
      const tags = world.tags.get(arn);
      if (tags === undefined) throw notFound();
      for (const [key, value] of Object.entries(tagsOf(form))) tags.set(key, value);
      if (tags.size > 50) throw new AwsError("TooManyTags", "You've reached the limit on the number of tags");
    }
    return {};
  },

  DescribeTargetGroupAttributes(world, form) {
    const { attributes } = world.group(form.text("TargetGroupArn"));
    return { Attributes: [...attributes].map(([Key, Value]) => ({ Key, Value })) };
  },

  ModifyTargetGroupAttributes(world, form) {
    const { attributes } = world.group(form.text("TargetGroupArn"));
    for (const item of form.items("Attributes")) attributes.set(item.text("Key") ?? "", item.text("Value") ?? "");
    return { Attributes: [...attributes].map(([Key, Value]) => ({ Key, Value })) };
  },
};

/** Idempotent; a draining target comes back by way of `initial`. */
function register(world: World, group: Group, { id, port }: { readonly id: string; readonly port: number }): void {
  const held = group.targets.get(`${id}:${port}`);
  if (held !== undefined && held.deregisteredAt === null) return;
  const verdict = held?.verdict ?? "healthy";
  group.targets.set(`${id}:${port}`, { id, port, registeredAt: world.now(), deregisteredAt: null, verdict });
}

function registeredIn({ targets }: Group): number {
  return [...targets.values()].filter(({ deregisteredAt }) => deregisteredAt === null).length;
}

function targetsOf(form: Form, group: Group) {
  const targets = form.items("Targets").map((item) => ({
    id: item.text("Id") ?? "",
    port: item.number("Port") ?? group.port,
    zone: item.text("AvailabilityZone"),
  }));
  if (targets.length === 0) throw invalid("At least one target must be specified");
  return targets;
}

function keyOf({ id, port }: { readonly id: string; readonly port: number }): string {
  return `${id}:${port}`;
}

export function tagsOf(form: Form): Readonly<Record<string, string>> {
  return Object.fromEntries(form.items("Tags").map((tag) => [tag.text("Key") ?? "", tag.text("Value") ?? ""]));
}

function groupXml({ arn, name, type, port, settings }: Group): Xml {
  return {
    TargetGroupArn: arn,
    TargetGroupName: name,
    Protocol: settings.get("Protocol") ?? "HTTP",
    ProtocolVersion: "HTTP1",
    Port: port,
    VpcId: settings.get("VpcId") ?? "vpc-1",
    IpAddressType: "ipv4",
    HealthCheckPath: settings.get("HealthCheckPath") ?? "/",
    HealthCheckPort: "traffic-port",
    TargetType: type,
  };
}
