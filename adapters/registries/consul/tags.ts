import type { Service } from "./answers.ts";
import type { ServiceSpec } from "./spec.ts";

/**
 * Where others may change the tags, an update that is about something else must not take theirs away: the one write
 * that needs a read.
 */
export async function tagsToSend(
  before: ServiceSpec | null,
  after: ServiceSpec,
  readCurrent: () => Promise<Service | null>,
): Promise<readonly string[]> {
  if (!after.enableTagOverride || before === null || !sameTags(before.tags, after.tags)) return after.tags;
  return (await readCurrent())?.Tags ?? after.tags;
}

function sameTags(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((tag, index) => tag === b[index]);
}
