/** What a Kong holds, read in bounded steps: three lists, and one per upstream for its targets. */
import PQueue from "p-queue";
import type { AdminClient } from "./admin.ts";
import { RouteRow, ServiceRow, TargetRow, UpstreamRow } from "./answers.ts";
import type { Dialect } from "./dialect.ts";

export interface KongState {
  readonly upstreams: readonly UpstreamRow[];
  readonly services: readonly ServiceRow[];
  readonly routes: readonly RouteRow[];
  /** By the upstream's id. */
  readonly targets: ReadonlyMap<string, readonly TargetRow[]>;
}

/**
 * @param tag only what has it; null: everything. Targets are always read whole: no version looks at tags there.
 * @param concurrency of the reads of targets
 */
export async function readState(
  admin: AdminClient,
  dialect: Dialect,
  tag: string | null,
  concurrency: number,
  signal: AbortSignal,
): Promise<KongState> {
  const query = tag === null ? {} : { tags: tag };
  const [upstreams, services, routes] = await Promise.all([
    admin.rows("/upstreams", UpstreamRow, query, signal),
    admin.rows("/services", ServiceRow, query, signal),
    admin.rows("/routes", RouteRow, query, signal),
  ]);
  const queue = new PQueue({ concurrency });
  const read = upstreams.map(({ id }) =>
    queue.add(async (): Promise<[string, readonly TargetRow[]]> => [id, await readTargets(admin, dialect, id, signal)]),
  );
  return { upstreams, services, routes, targets: new Map(await Promise.all(read)) };
}

/**
 * The targets that are there, drained ones included. While a list of several pages is read, others may move rows: one may
 * come twice, which is seen here, or not at all, which the next listing shows.
 * @param upstream id or name
 */
export async function readTargets(
  admin: AdminClient,
  dialect: Dialect,
  upstream: string,
  signal: AbortSignal,
): Promise<readonly TargetRow[]> {
  const all = dialect.hidesDrained ? "/all" : "";
  const rows = await admin.rows(`/upstreams/${encodeURIComponent(upstream)}/targets${all}`, TargetRow, {}, signal);
  const distinct = [...new Map(rows.map((row) => [row.id, row])).values()];
  return dialect.keepsHistory ? current(distinct) : distinct;
}

/** Of each target's history the newest row, unless that says that it is gone: weight 0, and no tags, as we would have set. */
function current(rows: readonly TargetRow[]): readonly TargetRow[] {
  const newest = new Map<string, TargetRow>();
  for (const row of rows) {
    const other = newest.get(row.target);
    if (other === undefined || (row.created_at ?? 0) > (other.created_at ?? 0)) newest.set(row.target, row);
  }
  return [...newest.values()].filter(({ weight, tags }) => weight > 0 || tags.length > 0);
}
