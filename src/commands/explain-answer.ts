/** What `GET /v1/explain` answers, as far as it is shown. */
import * as v from "valibot";
import type { Explained } from "../explain/text.ts";
import { ExitError } from "./exit-error.ts";

const nullableText = v.nullish(v.string(), null);
const texts = v.optional(v.array(v.string()), []);
const reasons = v.optional(v.array(v.object({ registry: nullableText, why: v.string(), remedy: nullableText })), []);

const Instance = v.object({
  id: v.string(),
  service: v.string(),
  address: nullableText,
  port: v.nullish(v.number(), null),
  protocol: v.string(),
  state: v.string(),
  health: v.string(),
  notes: texts,
  registries: v.record(v.string(), v.object({ state: v.string(), key: nullableText, since: nullableText })),
  reasons,
});

const Entry = v.object({
  time: v.pipe(v.string(), v.isoTimestamp()),
  kind: v.string(),
  by: v.string(),
  text: v.string(),
  state: v.optional(v.object({ instances: texts, missing: texts })),
  write: v.optional(
    v.object({
      key: v.string(),
      op: v.string(),
      ok: v.boolean(),
      ms: v.number(),
      attempt: v.number(),
      error: nullableText,
    }),
  ),
});

const Explanation = v.object({
  of: v.string(),
  more: v.number(),
  tasks: v.array(
    v.object({
      task: v.string(),
      source: nullableText,
      node: nullableText,
      services: texts,
      image: nullableText,
      isOver: v.boolean(),
      instances: v.array(Instance),
      reasons,
      notes: texts,
      timeline: v.array(Entry),
    }),
  ),
});

/** @throws ExitError 1 in one line if it is not a Muster's */
export function readExplanation(answer: unknown): Explained {
  const parsed = v.safeParse(Explanation, answer);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new ExitError(1, [`the answer is not a Muster's: ${v.getDotPath(issue) ?? "it"}: ${issue.message}`]);
}
