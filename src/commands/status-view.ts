/** What `muster status` shows. */
import * as v from "valibot";
import { ExitError } from "./exit-error.ts";
import type { MusterClient } from "./muster-client.ts";
import { printable, table } from "./table.ts";

const text = v.nullish(v.string(), null);

const Part = v.object({ name: v.string(), state: v.optional(v.string(), "unknown"), error: text });

const Instance = v.object({
  id: v.string(),
  service: v.string(),
  task: v.string(),
  node: v.string(),
  address: text,
  port: v.nullish(v.number(), null),
  protocol: v.string(),
  state: v.string(),
  health: v.string(),
  missing: v.optional(v.array(v.string()), []),
  registries: v.optional(v.record(v.string(), v.object({ state: v.string(), error: text })), {}),
});

const Status = v.object({
  sources: v.object({ sources: v.array(Part) }),
  registries: v.object({ registries: v.array(Part) }),
  instances: v.object({ instances: v.array(Instance) }),
});

export interface Status {
  readonly sources: readonly v.InferOutput<typeof Part>[];
  readonly registries: readonly v.InferOutput<typeof Part>[];
  readonly instances: readonly v.InferOutput<typeof Instance>[];
  /** As it was answered, for `--json`. */
  readonly raw: object;
}

/** @throws ExitError 1 in one line */
export async function readStatus(client: MusterClient): Promise<Status> {
  const [sources, registries, instances] = await Promise.all([
    client.get("/v1/sources"),
    client.get("/v1/registries"),
    client.get("/v1/instances"),
  ]);
  const parsed = v.safeParse(Status, { sources, registries, instances });
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new ExitError(1, [`the answer is not a Muster's: ${v.getDotPath(issue) ?? "it"}: ${issue.message}`]);
  }
  return {
    ...parsed.output.sources,
    ...parsed.output.registries,
    ...parsed.output.instances,
    raw: Object.assign({}, sources, registries, instances),
  };
}

/** A compact table, with a line for each registration that failed. */
export function showStatus({ sources, registries, instances }: Status): string {
  const parts = [
    ["KIND", "NAME", "STATE", "ERROR"],
    ...sources.map(({ name, state, error }) => ["source", name, state, error ?? ""]),
    ...registries.map(({ name, state, error }) => ["registry", name, state, error ?? ""]),
  ];
  const rows = instances.toSorted(byServiceAndEndpoint).map((instance) => [
    instance.service,
    endpointOf(instance),
    instance.state,
    instance.health,
    instance.task.slice(0, 24),
    Object.entries(instance.registries)
      .map(([name, { state }]) => `${name}=${state}`)
      .join(" "),
    instance.missing.join(","),
  ]);
  const heading = ["SERVICE", "ENDPOINT", "STATE", "HEALTH", "TASK", "REGISTRIES", "WAITS FOR"];
  const list = rows.length === 0 ? "no instances\n" : table([heading, ...rows]);
  return `${table(parts)}\n${list}${failures(instances)}`;
}

function byServiceAndEndpoint(a: Status["instances"][number], b: Status["instances"][number]): number {
  return a.service.localeCompare(b.service) || endpointOf(a).localeCompare(endpointOf(b));
}

function endpointOf({ address, port, protocol }: Status["instances"][number]): string {
  const host = address?.includes(":") ? `[${address}]` : (address ?? "?");
  return `${host}:${port ?? "?"}${protocol === "tcp" ? "" : `/${protocol}`}`;
}

function failures(instances: Status["instances"]): string {
  const lines = instances.flatMap(({ id, registries }) =>
    Object.entries(registries).flatMap(([name, { error }]) => (error === null ? [] : [`${name}: ${id}: ${error}`])),
  );
  return lines.length === 0 ? "" : `\n${lines.map((line) => `${printable(line)}\n`).join("")}`;
}
