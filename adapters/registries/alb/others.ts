/**
 * Targets at other machines' addresses. Targets carry no marks, so whose they are is told by the address alone, and only
 * whoever knows the nodes can tell (facts/alb.md §1.9). Only `ip` groups: which instance id a dead node had nobody knows,
 * and of a terminated instance the load balancer forgets the targets by itself.
 */
import { isIP } from "node:net";
import type { Registration } from "../../../src/model.ts";
import type { Elb } from "./elb.ts";
import type { Groups } from "./groups.ts";
import type { Ownership } from "./ownership.ts";
import { canonical, registrationOf } from "./project.ts";

const LEAVING: readonly string[] = ["draining", "unused"];

/** @returns registrations without a `node`; those that drain already are left out. Rejects as `elb` does */
export async function listOthers(
  { elb, groups, ownership }: { readonly elb: Elb; readonly groups: Groups; readonly ownership: Ownership },
  signal: AbortSignal,
): Promise<readonly Registration[]> {
  const found: Registration[] = [];
  for (const group of await groups.all(signal)) {
    if (group.type !== "ip") continue;
    for (const { id, port, state, reason } of await elb.health(group.arn, null, signal)) {
      const address = canonical(id);
      const isLeaving = LEAVING.includes(state) && reason !== "Target.NotInUse";
      if (address === null || isIP(address) === 0 || isLeaving || ownership.addressOf("ip", id, null) !== null)
        continue;
      found.push(registrationOf({ group: group.name, address, port }, null));
    }
  }
  return found;
}
