/** Target groups that Muster made: read, made, changed and removed. Those of others are none of its business. */
import type { Change, Outcome, Registration } from "../../../src/model.ts";
import { failed, RequestError } from "../../failure.ts";
import { LEAVING } from "./book.ts";
import type { Elb } from "./elb.ts";
import { hasCode } from "./errors.ts";
import { type Group, type Groups, SERVICE, TAG } from "./groups.ts";
import type { MadeApi } from "./made-api.ts";
import { type MadeOptions, type MadeSpec, registrationOfMade } from "./made-spec.ts";
import type { Ownership } from "./ownership.ts";
import type { Timing } from "./pace.ts";

export interface MadeParts {
  readonly name: string;
  readonly cluster: string;
  readonly elb: Elb;
  readonly made: MadeApi;
  readonly groups: Groups;
  readonly ownership: Ownership;
  instanceId(signal: AbortSignal): Promise<string | null>;
  readonly musters: number;
  readonly timing: Timing;
  /** null: none are made, and those of an earlier configuration stay. */
  readonly makes: MadeOptions | null;
}

export interface Made {
  list(signal: AbortSignal): Promise<readonly Registration[]>;
  /** Never rejects but with `signal.reason`. */
  apply(change: Change, signal: AbortSignal): Promise<Outcome>;
}

/** For how long an answer on whether a group is empty is good enough for a listing, ms; see `SHARE_MS` in listing.ts. */
const FRESH_MS = 10_000;
const SHARE_MS = 200;

export function createMade(parts: MadeParts): Made {
  const { name, cluster, elb, made, groups, ownership, musters, timing, makes } = parts;
  const asked = new Map<string, { readonly at: number; readonly needed: boolean }>();
  /** s, by ARN: read once, since only we change it. */
  const delays = new Map<string, number>();

  async function delayOf(arn: string, signal: AbortSignal): Promise<number> {
    const seconds = delays.get(arn) ?? (await made.delay(arn, signal));
    delays.set(arn, seconds);
    return seconds;
  }

  /**
   * Whether others' targets are in it, or any that drain: with the group their connections would end. All nodes ask for
   * all groups, so that an answer is good for a while.
   */
  async function isNeeded(group: Group, among: number, signal: AbortSignal): Promise<boolean> {
    const last = asked.get(group.arn);
    const patience = musters > 1 ? Math.max(FRESH_MS, musters * among * SHARE_MS) : 0;
    if (last !== undefined && timing.now() - last.at < patience) return last.needed;
    const instanceId = group.type === "instance" ? await parts.instanceId(signal) : null;
    const isOurs = (id: string) => ownership.addressOf(group.type, id, instanceId) !== null;
    const targets = await elb.health(group.arn, null, signal);
    const needed = targets.some(({ id, state }) => LEAVING.includes(state) || !isOurs(id));
    asked.set(group.arn, { at: timing.now(), needed });
    return needed;
  }

  async function registrationOf(group: Group, among: number, signal: AbortSignal): Promise<readonly Registration[]> {
    if (group.made === null) return [];
    const { service, healthPath } = group.made;
    try {
      const [delay, inUse] = await Promise.all([delayOf(group.arn, signal), isNeeded(group, among, signal)]);
      return [registrationOfMade({ made: group.name, healthPath, delay }, service, inUse)];
    } catch (error) {
      if (!hasCode(error, "TargetGroupNotFound")) throw error;
      groups.forget(group.name);
      return [];
    }
  }

  async function register(service: string, spec: MadeSpec, options: MadeOptions, signal: AbortSignal): Promise<void> {
    const { made: groupName, healthPath, delay } = spec;
    const found = await groups.find(groupName, null, signal);
    if ("why" in found) {
      if (!found.isAbsent) throw new Error(found.why);
      const tags = { [TAG]: cluster, [SERVICE]: service };
      const arn = await made.create({ ...options, name: groupName, healthPath, tags }, signal);
      groups.add({ name: groupName, arn, type: options.type, made: { service, healthPath } });
      await setDelay(arn, delay, signal);
      return;
    }
    if (found.made === null) throw new Error(`target group ${groupName} was not made by Muster: rename or remove it`);
    if (found.made.healthPath !== healthPath) {
      await made.setHealthPath(found.arn, healthPath, signal);
      groups.add({ ...found, made: { service, healthPath } });
    }
    if (delays.get(found.arn) !== delay) await setDelay(found.arn, delay, signal);
  }

  async function setDelay(arn: string, delay: number, signal: AbortSignal): Promise<void> {
    delays.delete(arn);
    await made.setDelay(arn, delay, signal);
    delays.set(arn, delay);
  }

  async function deregister({ made: groupName }: MadeSpec, signal: AbortSignal): Promise<void> {
    const found = await groups.find(groupName, null, signal);
    if ("why" in found) {
      if (found.isAbsent) return;
      throw new Error(found.why);
    }
    const targets = await elb.health(found.arn, null, signal);
    if (targets.some(({ state }) => !LEAVING.includes(state))) throw new Error("it still has targets");
    // The next listing says so, and from then on the core waits.
    if (targets.length > 0) throw new RequestError("its targets drain", { retry: true, ambiguous: false });
    await made.remove(found.arn, signal);
    groups.forget(groupName);
    delays.delete(found.arn);
    asked.delete(found.arn);
  }

  return {
    async list(signal) {
      if (makes === null) return [];
      const all = (await groups.all(signal)).filter((group) => group.made !== null);
      return (await Promise.all(all.map((group) => registrationOf(group, all.length, signal)))).flat();
    },
    async apply({ op, key, before, after }, signal) {
      const spec = (after ?? before).spec as unknown as MadeSpec;
      try {
        if (after === null) await deregister(spec, signal);
        else if (makes !== null) await register(after.service, spec, makes, signal);
        return { ok: true };
      } catch (error) {
        signal.throwIfAborted();
        if (hasCode(error, "TargetGroupNotFound")) groups.forget(spec.made);
        if (hasCode(error, "TargetGroupNotFound") && after === null) return { ok: true };
        return failed(`${name}: ${op} ${key}`, explained(error));
      }
    },
  };
}

function explained(error: unknown): unknown {
  const again = (retry: boolean, message: string) =>
    new RequestError(message, { retry, ambiguous: false, cause: error });
  // Another Muster was faster, with other settings: they are put right once it is seen.
  if (hasCode(error, "DuplicateTargetGroupName")) return again(true, error.message);
  if (hasCode(error, "ResourceInUse")) return again(true, `${error.message}: take it out of those rules`);
  if (!hasCode(error, "TooManyTargetGroups")) return error;
  return again(false, `${error.message}: raise the quota of target groups per region, or remove some`);
}
