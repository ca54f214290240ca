/** What `muster status` shows. */
import * as v from "valibot";
import { endpointOf } from "../explain/text.ts";
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

/**
 * @param service only its instances; absent: all
 * @throws ExitError 1 in one line
 */
export async function readStatus(client: MusterClient, service?: string): Promise<Status> {
  const query = service === undefined ? "" : `?service=${encodeURIComponent(service)}`;
  const [sources, registries, instances] = await Promise.all([
    client.get("/v1/sources"),
    client.get("/v1/registries"),
    client.get(`/v1/instances${query}`),
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

/** More instances than this are summed up by service, unless all are asked for. */
const MAX_ROWS = 40;

/** What of the instances is shown. */
interface Shown {
  /** Every one, however many there are. */
  readonly all?: boolean | undefined;
  /** Of this service only. */
  readonly service?: string | undefined;
}

/**
 * A compact table, with a line for each registration that failed.
 * @param colour of a state
 */
export function showStatus(
  { sources, registries, instances }: Status,
  colour: (state: string) => string = (state) => state,
  shown: Shown = {},
): string {
  const parts = [
    ["KIND", "NAME", "STATE", "ERROR"],
    ...sources.map(({ name, state, error }) => ["source", name, state, error ?? ""]),
    ...registries.map(({ name, state, error }) => ["registry", name, state, error ?? ""]),
  ];
  return `${table(parts, colour)}\n${instanceTable(instances, colour, shown)}${failures(instances)}`;
}

function instanceTable(
  instances: Status["instances"],
  colour: (state: string) => string,
  { all, service }: Shown,
): string {
  if (instances.length === 0)
    return service === undefined ? "no instances\n" : `no instances of ${printable(service)}\n`;
  if (instances.length > MAX_ROWS && !all && service === undefined) return byService(instances, colour);
  const rows = instances
    .toSorted(byServiceAndEndpoint)
    .map((instance) => [
      instance.service,
      endpointOf(instance),
      instance.state,
      instance.health,
      instance.task.slice(0, 24),
      registriesOf(instance),
      instance.missing.join(","),
    ]);
  return table([["SERVICE", "ENDPOINT", "STATE", "HEALTH", "TASK", "REGISTRIES", "WAITS FOR"], ...rows], colour);
}

function registriesOf({ registries }: Status["instances"][number]): string {
  return Object.entries(registries)
    .map(([name, { state }]) => `${name}=${state}`)
    .join(" ");
}

function byService(instances: Status["instances"], colour: (state: string) => string): string {
  const services = [...new Set(instances.map(({ service }) => service))].sort((a, b) => (a < b ? -1 : 1));
  const rows = services.map((service) => {
    const own = instances.filter((each) => each.service === service);
    const count = (state: string) => String(own.filter((each) => each.state === state).length);
    const failed = own.filter(({ registries }) => Object.values(registries).some(({ state }) => state === "failed"));
    const nodes = new Set(own.map(({ node }) => node)).size;
    return [service, count("ready"), count("pending"), count("draining"), String(failed.length), String(nodes)];
  });
  const heading = ["SERVICE", "READY", "PENDING", "DRAINING", "FAILED", "NODES"];
  const hint = `${instances.length} instances of ${services.length} services; --service NAME or --all shows them\n`;
  return `${table([heading, ...rows], colour)}\n${hint}`;
}

function byServiceAndEndpoint(a: Status["instances"][number], b: Status["instances"][number]): number {
  return a.service.localeCompare(b.service) || endpointOf(a).localeCompare(endpointOf(b));
}

const MAX_FAILURES = 20;

function failures(instances: Status["instances"]): string {
  const lines = instances.flatMap(({ id, registries }) =>
    Object.entries(registries).flatMap(([name, { error }]) => (error === null ? [] : [`${name}: ${id}: ${error}`])),
  );
  if (lines.length === 0) return "";
  const more = lines.length - MAX_FAILURES;
  const shown = lines.slice(0, MAX_FAILURES).map((line) => `${printable(line)}\n`);
  return `\n${shown.join("")}${more > 0 ? `and ${more} more; --json has them all\n` : ""}`;
}
