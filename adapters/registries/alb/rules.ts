/** Listener rules of the cluster's services: read, made, changed and taken away; those of others stay as they are. */
import type { Change, Outcome, Registration } from "../../../src/model.ts";
import { endpointOf } from "../../endpoint.ts";
import { failed, RequestError } from "../../failure.ts";
import type { Elb } from "./elb.ts";
import { hasCode } from "./errors.ts";
import { type Group, type Groups, SERVICE, TAG } from "./groups.ts";
import type { Ownership } from "./ownership.ts";
import { canonical } from "./project.ts";
import { type Conditions, degreeOf, PER_DEGREE, type RuleSpec, ruleRegistration, sorted } from "./routes.ts";
import type { ListenerRule, RulesApi } from "./rules-api.ts";

export interface RulesParts {
  readonly name: string;
  readonly cluster: string;
  readonly elb: Elb;
  readonly api: RulesApi;
  readonly groups: Groups;
  readonly ownership: Ownership;
  readonly listeners: readonly string[];
  /** The first priority that may be chosen for a rule without one. */
  readonly from: number;
  instanceId(signal: AbortSignal): Promise<string | null>;
}

export interface Rules {
  /** Rules that instances need: of the groups among which somebody splits a rule's traffic, theirs is the one that counts. */
  expect(rules: readonly Registration[]): void;
  list(signal: AbortSignal): Promise<readonly Registration[]>;
  /** Never rejects but with `signal.reason`. */
  apply(change: Change, signal: AbortSignal): Promise<Outcome>;
}

/** More than all rules of any account's listeners that one Muster manages. */
const LIMIT = 10_000;

/** `auto`, or `label` where the priority was given. */
const PRIORITY = "muster:priority";

interface Owned {
  readonly rule: ListenerRule;
  readonly service: string;
  readonly registration: Registration;
}

export function createRules(parts: RulesParts): Rules {
  const { name, cluster, elb, api, groups, listeners } = parts;
  /** Group by key; the newest last. */
  const expected = new Map<string, string>();

  async function owned(listener: string, all: readonly ListenerRule[], signal: AbortSignal): Promise<readonly Owned[]> {
    const tags = await elb.tags(
      all.map(({ arn }) => arn),
      signal,
    );
    const names = new Map((await groups.all(signal)).map((group) => [group.arn, group]));
    const uses = new Map<string, Promise<readonly string[]>>();
    const ours = all.filter(({ arn }) => tags.get(arn)?.get(TAG) === cluster && tags.get(arn)?.has(SERVICE));
    return await Promise.all(
      ours.map(async (rule): Promise<Owned> => {
        const own = tags.get(rule.arn);
        const service = own?.get(SERVICE) ?? "";
        const among = rule.groups.flatMap((arn) => names.get(arn) ?? []);
        const { hosts, paths } = rule;
        const { key } = ruleRegistration({ listener, hosts, paths, group: "", priority: null }, service, []);
        const group = among.find((one) => one.name === expected.get(key)) ?? among[0];
        if (group !== undefined && !uses.has(group.arn)) uses.set(group.arn, usersOf(group, signal));
        const users = (await uses.get(group?.arn ?? "")) ?? [];
        const priority = own?.get(PRIORITY) === "auto" ? null : rule.priority;
        const spec = { listener, hosts, paths, group: group?.name ?? "", priority };
        return { rule, service, registration: ruleRegistration(spec, service, users) };
      }),
    );
  }

  /** The instances on other machines that hang on the group. */
  async function usersOf(group: Group, signal: AbortSignal): Promise<readonly string[]> {
    const instanceId = group.type === "instance" ? await parts.instanceId(signal) : null;
    const isOurs = (id: string) => parts.ownership.addressOf(group.type, id, instanceId) !== null;
    const targets = await elb.health(group.arn, null, signal);
    const others = targets.filter(({ id, state }) => state !== "draining" && !isOurs(id));
    return sorted(others.map(({ id, port }) => endpointOf(canonical(id) ?? id, port, "tcp")));
  }

  async function register(key: string, service: string, spec: RuleSpec, signal: AbortSignal): Promise<void> {
    const { listener } = spec;
    const group = await groups.find(spec.group, null, signal);
    if ("why" in group) throw new Error(group.why);
    const all = await api.rules(listener, signal);
    const ours = (await owned(listener, all, signal)).filter(({ registration }) => registration.key === key);
    const [first, ...others] = ours;
    // Two Musters may have made it at the same moment.
    for (const { rule } of others) await api.remove(rule.arn, signal);
    if (first === undefined) return await create(service, spec, group, all, signal);
    if (!first.rule.groups.includes(group.arn)) await api.forward(first.rule.arn, group.arn, signal);
    const { arn, priority } = first.rule;
    if (spec.priority !== null && spec.priority !== priority) await api.prioritize(arn, spec.priority, signal);
    const was = first.registration.spec as unknown as RuleSpec;
    if ((was.priority === null) !== (spec.priority === null)) await api.tag(arn, chosenBy(spec), signal);
  }

  async function create(
    service: string,
    spec: RuleSpec,
    group: Group,
    all: readonly ListenerRule[],
    signal: AbortSignal,
  ): Promise<void> {
    const { listener, hosts, paths } = spec;
    const same = all.find((rule) => sameConditions(rule, spec));
    if (same !== undefined)
      throw new Error(`rule ${same.arn} has the same conditions and was not made for this service: remove it`);
    const priority = spec.priority ?? freePriority(spec, all, parts.from);
    const tags = { [TAG]: cluster, [SERVICE]: service, ...chosenBy(spec) };
    await api.create({ listener, hosts, paths, priority, group: group.arn, tags }, signal);
  }

  async function deregister({ key, spec, inUse, users = [] }: Registration, signal: AbortSignal): Promise<void> {
    const { listener } = spec as unknown as RuleSpec;
    const ours = await owned(listener, await api.rules(listener, signal), signal);
    const found = ours.filter(({ registration }) => registration.key === key);
    const others = new Set(found.flatMap(({ registration }) => registration.users ?? []));
    // Of those that the change knows of it may say that they don't need it; there may be more by now.
    if (inUse !== true) for (const user of users) others.delete(user);
    if (others.size > 0) {
      const message = `its target group is still used by ${others.size} on other machines, e.g. ${[...others][0]}`;
      // What the change was made from is out of date: listed again, and whoever waits for the others learns it there.
      throw new RequestError(message, { retry: false, ambiguous: true });
    }
    for (const { rule } of found) await api.remove(rule.arn, signal);
  }

  return {
    expect(rules) {
      for (const { key, spec } of rules) {
        expected.delete(key);
        expected.set(key, (spec as unknown as RuleSpec).group);
      }
      for (const [oldest] of expected) if (expected.size > LIMIT) expected.delete(oldest);
    },
    async list(signal) {
      const all: Registration[] = [];
      for (const listener of listeners) {
        const known = new Map<string, Registration>();
        for (const { registration } of await owned(listener, await api.rules(listener, signal), signal)) {
          const { key, spec } = registration;
          // Twice: drift, which an update mends.
          if (known.has(key)) known.set(key, { ...registration, spec: { ...(spec as object), isTwice: true } });
          else known.set(key, registration);
        }
        all.push(...known.values());
      }
      return all;
    },
    async apply({ op, key, before, after }, signal) {
      const spec = (after ?? before).spec as unknown as RuleSpec;
      try {
        if (after === null) await deregister(before, signal);
        else await register(key, after.service, spec, signal);
        return { ok: true };
      } catch (error) {
        signal.throwIfAborted();
        if (hasCode(error, "RuleNotFound") && after === null) return { ok: true };
        return failed(`${name}: ${op} ${key}`, explained(error, spec));
      }
    },
  };
}

function explained(error: unknown, { priority }: RuleSpec): unknown {
  if (hasCode(error, "PriorityInUse")) {
    // One that was chosen is chosen anew.
    const message = `priority ${priority ?? ""} is taken on the listener: choose another with muster.route.priority`;
    return new RequestError(message, { retry: priority === null, ambiguous: false, cause: error });
  }
  if (!hasCode(error, "TooManyRules")) return error;
  return new RequestError(`${error.message}: raise the quota of rules`, {
    retry: false,
    ambiguous: false,
    cause: error,
  });
}

function chosenBy({ priority }: RuleSpec): Readonly<Record<string, string>> {
  return { [PRIORITY]: priority === null ? "auto" : "label" };
}

function freePriority(spec: RuleSpec, all: readonly ListenerRule[], from: number): number {
  const taken = new Set(all.map(({ priority }) => priority));
  const first = from + degreeOf(spec);
  for (let priority = first; priority < first + PER_DEGREE; priority += 1) if (!taken.has(priority)) return priority;
  throw new Error(`no priority from ${first} to ${first + PER_DEGREE - 1} is free on the listener: remove rules`);
}

function sameConditions(rule: ListenerRule, { hosts, paths }: Conditions): boolean {
  return !rule.isOther && same(rule.hosts, hosts) && same(rule.paths, paths);
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return sorted(a).join(" ") === sorted(b).join(" ");
}
