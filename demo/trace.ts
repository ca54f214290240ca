/** What a recorded trace ends with, told from its lines alone: Muster is not asked. */
import * as v from "valibot";
import type { Expected } from "./compare.ts";

/** A task of the recording. */
export interface TracedTask {
  readonly task: string;
  readonly service: string;
}

export interface Trace {
  readonly tasks: readonly TracedTask[];
  /** Fit for traffic when the recording ends. */
  readonly atEnd: readonly Expected[];
  /** How many facts it has. */
  readonly facts: number;
  /** How long the recording is, ms. */
  readonly length: number;
}

const base = { at: v.number(), task: v.string() };
const Line = v.variant("kind", [
  v.object({ ...base, kind: v.literal("assigned"), definition: v.string() }),
  v.object({
    ...{ ...base, kind: v.literal("addressed") },
    bindings: v.array(v.object({ hostPort: v.number() })),
  }),
  v.object({ ...base, kind: v.literal("status"), status: v.string() }),
  v.object({ ...base, kind: v.literal("health"), health: v.string() }),
  v.object({ ...base, kind: v.literal("gone") }),
]);
const Definition = v.object({
  ...{ at: v.number(), kind: v.literal("defined"), definition: v.string() },
  labels: v.record(v.string(), v.string()),
});
const Node = v.object({ at: v.number(), kind: v.literal("node"), address: v.string() });
const Other = v.object({ at: v.number(), kind: v.picklist(["resync", "synced", "source", "notice"]) });
const AnyLine = v.pipe(v.string(), v.parseJson(), v.union([Line, Definition, Node, Other]));

type AnyFact = v.InferOutput<typeof AnyLine>;
type TaskFact = v.InferOutput<typeof Line>;

/** @throws if a line is not a fact: the recording is ours */
export function readTrace(text: string): Trace {
  const lines = text.split("\n").filter((line) => line !== "");
  const facts = lines.map((line): AnyFact => v.parse(AnyLine, line));
  const address = facts.findLast((fact) => fact.kind === "node")?.address ?? "";
  const ofTasks = facts.filter((fact): fact is TaskFact => "task" in fact);
  const ids = new Set(ofTasks.map(({ task }) => task));
  const described = [...ids].map((task) => endOf(task, ofTasks, facts, address));
  return {
    tasks: described.map(({ task, service }) => ({ task, service })),
    atEnd: described.filter(({ isFit }) => isFit),
    facts: facts.length,
    length: (facts.at(-1)?.at ?? 0) - (facts[0]?.at ?? 0),
  };
}

function endOf(task: string, ofTasks: readonly TaskFact[], facts: readonly AnyFact[], address: string) {
  const own = ofTasks.filter((fact) => fact.task === task);
  const definition = own.findLast((fact) => fact.kind === "assigned")?.definition;
  const defined = facts.findLast((fact) => fact.kind === "defined" && fact.definition === definition);
  const service = defined?.kind === "defined" ? (defined.labels["muster.name"] ?? "") : "";
  const status = own.findLast((fact) => fact.kind === "status")?.status;
  const health = own.findLast((fact) => fact.kind === "health")?.health ?? "none";
  const port = own.findLast((fact) => fact.kind === "addressed")?.bindings[0]?.hostPort ?? 0;
  const isGone = own.some((fact) => fact.kind === "gone");
  const isFit = !isGone && status === "running" && (health === "none" || health === "passing");
  return { task, name: task.slice(0, 12), service, address, port, isFit };
}
