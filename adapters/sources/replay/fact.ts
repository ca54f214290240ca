/** A line of a recording → a fact. */
import * as v from "valibot";
import type { Fact } from "../../../src/model.ts";

const base = {
  source: v.string(),
  clock: v.pipe(v.number(), v.finite()),
  at: v.pipe(v.number(), v.finite()),
  via: v.string(),
};
const text = v.nullable(v.string());
const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));
const protocol = v.picklist(["tcp", "udp", "sctp"]);
const task = v.pipe(v.string(), v.nonEmpty());
const strings = v.record(v.string(), v.string());

const Binding = v.object({
  ...{ containerPort: v.nullable(port), protocol, hostAddress: v.string(), hostPort: port },
  ...{ servicePort: v.nullable(v.number()), portName: text },
});
const Network = v.object({ name: v.string(), address: v.string(), reach: v.picklist(["node", "overlay", "routable"]) });

const RecordedFact = v.variant("kind", [
  v.object({
    ...base,
    ...{
      kind: v.literal("defined"),
      definition: v.string(),
      app: v.string(),
      version: text,
      name: v.string(),
      image: text,
    },
    ...{
      labels: strings,
      environment: strings,
      expose: v.picklist(["published", "labelled"]),
      healthChecked: v.boolean(),
    },
  }),
  v.object({ ...base, kind: v.literal("assigned"), task, definition: v.string(), inherits: text, node: v.string() }),
  v.object({
    ...{ ...base, kind: v.literal("addressed"), task, mode: v.picklist(["mapped", "host", "none", "shared"]) },
    ...{ bindings: v.array(Binding), networks: v.array(Network), exposed: v.array(v.object({ port, protocol })) },
  }),
  v.object({
    ...{ ...base, kind: v.literal("status"), task, reason: text },
    status: v.picklist(["staging", "running", "paused", "stopping", "stopped", "unreachable"]),
  }),
  v.object({ ...base, kind: v.literal("health"), task, health: v.picklist(["passing", "failing", "unknown", "none"]) }),
  v.object({ ...base, kind: v.literal("gone"), task, reason: text }),
  v.object({
    ...base,
    kind: v.literal("node"),
    node: v.string(),
    address: text,
    state: v.picklist(["up", "down", "unknown"]),
  }),
  v.object({ ...base, kind: v.literal("resync") }),
  v.object({ ...base, kind: v.literal("synced"), floor: v.number(), trust: v.picklist(["node", "whole", "doubtful"]) }),
  v.object({ ...base, kind: v.literal("source"), state: v.picklist(["connected", "disconnected"]), error: text }),
  v.object({ ...base, kind: v.literal("notice"), task: text, message: v.string() }),
]);

/** @returns a string that says why the line is not a fact */
export function parseFact(line: string): Fact | string {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return "not JSON (cut, or garbled)";
  }
  const { success, output, issues } = v.safeParse(RecordedFact, json);
  return success ? output : `not a fact: ${v.getDotPath(issues[0]) ?? "shape"}: ${issues[0].message}`;
}
