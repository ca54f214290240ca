/** What projections said of keys: AWS keeps no more of a target than its id and port. */
import type { Instance } from "../../../src/model.ts";
import { type Projected, registrationOf, type TargetSpec } from "./project.ts";

export interface Memory {
  /** The newest counts: a host port is used by one task after another. */
  keep(projected: Projected, instance: Instance): void;
  registration(spec: TargetSpec): ReturnType<typeof registrationOf>;
  /** The ARN by which an instance named the key's group; null if by name, or not at all. */
  arnOf(key: string): string | null;
  /** Names of groups that an instance was ever meant for. */
  groups(): ReadonlySet<string>;
}

/** More than all targets of any node. */
const LIMIT = 20_000;

export function createMemory(): Memory {
  const known = new Map<
    string,
    { readonly instance: Pick<Instance, "id" | "service" | "task" | "source">; readonly arn: string | null }
  >();
  const groups = new Set<string>();
  return {
    keep({ registration: { key }, group }, { id, service, task, source }) {
      groups.add(group.name);
      known.delete(key);
      known.set(key, { instance: { id, service, task, source }, arn: group.arn });
      const [oldest] = known.keys();
      if (known.size > LIMIT && oldest !== undefined) known.delete(oldest);
    },
    registration(spec) {
      const { key } = registrationOf(spec, null);
      return registrationOf(spec, known.get(key)?.instance ?? null);
    },
    arnOf: (key) => known.get(key)?.arn ?? null,
    groups: () => groups,
  };
}
