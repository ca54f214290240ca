/** What of a Kong's state is ours. */
import type { Registration } from "../../../src/model.ts";
import type { TargetRow } from "./answers.ts";
import { marksIn } from "./marks.ts";
import { readRoute, readService, readTargetRow, readUpstream, type Whose } from "./readback.ts";
import type { ObjectSpec } from "./spec.ts";
import type { KongState } from "./state.ts";
import { usersOf } from "./users.ts";

export interface Owned {
  /** The cluster's service-level objects and this node's targets. */
  readonly registrations: readonly Registration[];
  /** The rows of the targets among them, by key. */
  readonly targets: ReadonlyMap<string, TargetRow>;
  /** The ids of the upstreams and Kong services among them, by key. */
  readonly parents: ReadonlyMap<string, string>;
}

interface OwnObject {
  readonly kind: ObjectSpec["kind"];
  readonly row: { readonly id: string; readonly tags: readonly string[]; readonly name?: string | null | undefined };
  readonly registration: Registration;
}

export function registrationsIn(state: KongState, whose: Whose): Owned {
  const objects = objectsIn(state, whose);
  const targetsOf = new Map<string, readonly TargetRow[]>();
  const own: { readonly row: TargetRow; readonly registration: Registration }[] = [];
  for (const upstream of state.upstreams) {
    const service = readUpstream(upstream, whose)?.service;
    if (service === undefined) continue;
    const rows = state.targets.get(upstream.id) ?? [];
    targetsOf.set(service, rows);
    for (const row of rows) {
      const registration = readTargetRow(row, upstream.name, whose);
      if (registration !== null) own.push({ row, registration });
    }
  }
  const marked = objects.map(({ kind, row, registration }): Registration => {
    const { service } = registration;
    const object = { kind, name: row.name ?? "", service, tags: row.tags };
    const users = usersOf(object, targetsOf.get(service) ?? [], whose);
    return users.length === 0 ? registration : { ...registration, inUse: true };
  });
  const byKey = new Map(own.map(({ registration }) => [registration.key, registration]));
  return {
    registrations: [...marked, ...byKey.values()],
    targets: new Map(own.map(({ row, registration }) => [registration.key, row])),
    parents: new Map(objects.map(({ row, registration }) => [registration.key, row.id])),
  };
}

/** The targets of the cluster's other nodes, each with its node. */
export function othersIn(state: KongState, whose: Whose): readonly Registration[] {
  return state.upstreams.flatMap((upstream) => {
    if (readUpstream(upstream, whose) === null) return [];
    return (state.targets.get(upstream.id) ?? []).flatMap((row) => {
      const node = marksIn(row.tags)?.node;
      if (node === undefined || node === whose.node) return [];
      const registration = readTargetRow(row, upstream.name, { ...whose, node });
      return registration === null ? [] : [{ ...registration, node }];
    });
  });
}

function objectsIn({ upstreams, services, routes }: KongState, whose: Whose): readonly OwnObject[] {
  const names = new Map(services.flatMap(({ id, name }) => (typeof name === "string" ? [[id, name]] : [])));
  const all = [
    ...upstreams.map((row) => ({ kind: "upstream" as const, row, registration: readUpstream(row, whose) })),
    ...services.map((row) => ({ kind: "service" as const, row, registration: readService(row, whose) })),
    ...routes.map((row) => ({ kind: "route" as const, row, registration: readRoute(row, names, whose) })),
  ];
  return all.flatMap(({ registration, ...rest }) => (registration === null ? [] : [{ ...rest, registration }]));
}
