/** How each kind of service-level object is created or put right, and when it is not. */
import type { Registration } from "../../../src/model.ts";
import { messageOf, RequestError } from "../../failure.ts";
import { quoted } from "../../text.ts";
import type { VulcandClient } from "./client.ts";
import { refusal } from "./errors.ts";
import type { Ids } from "./ids.ts";
import { hostBody } from "./readback.ts";
import type { Reads } from "./reads.ts";
import { remove } from "./removal.ts";
import { claimOf, readExpression } from "./route.ts";
import type { FrontendSpec, ListenerSpec, Spec } from "./spec.ts";

export interface Creation {
  readonly client: VulcandClient;
  readonly ids: Ids;
  readonly reads: Reads;
  readonly signal: AbortSignal;
}

/** Rejects with a `RequestError`. */
export async function create(
  { service }: Registration,
  spec: Exclude<Spec, { readonly kind: "server" }>,
  creation: Creation,
): Promise<void> {
  const { client, signal } = creation;
  switch (spec.kind) {
    case "host":
      return await createHost(spec.name, service, creation);
    case "backend":
      return await client.put(["backends"], { Backend: { Id: spec.id, Type: "http" } }, signal);
    case "listener":
      await takeAddress(spec, creation);
      return await client.put(["listeners"], listenerBody(spec), signal);
    case "frontend":
      await takeRoute(spec, creation);
      return await client.put(["frontends"], frontendBody(spec), signal);
  }
}

/** One that is there, with a certificate perhaps, is left as it is: writing it would replace all of it. */
async function createHost(name: string, service: string, { client, ids, reads, signal }: Creation): Promise<void> {
  const hosts = await reads.hosts();
  if (hosts.some(({ Name }) => Name === name)) return;
  await client.put(["hosts"], hostBody(ids, name, service), signal);
}

function listenerBody({ id, address }: ListenerSpec): object {
  return { Listener: { Id: id, Protocol: "http", Address: { Network: "tcp", Address: address } } };
}

function frontendBody({ id, backend, route, passHost }: FrontendSpec): object {
  const Settings = { PassHostHeader: passHost };
  return { Frontend: { Id: id, Type: "http", BackendId: backend, Route: route, Settings } };
}

/** Vulcand says 200 to a second listener on one address, and nothing listens (hazard 8). */
async function takeAddress({ id, address }: ListenerSpec, creation: Creation): Promise<void> {
  const others = (await creation.reads.listeners()).filter(
    ({ Id, Address }) => Id !== id && Address.Address === address,
  );
  for (const { Id } of others) {
    const service = creation.ids.serviceOf(Id, "listener");
    if (service === null) throw refusal(`listener ${quoted(Id)} is on ${address} already`);
    await handOver(`${address} is held by service ${service}`, { kind: "listener", id: Id, address }, creation);
  }
}

/**
 * Of two frontends with one route the last written wins, and deleting either takes the route away (hazard 4): so one of
 * ours that has it goes first, for the few milliseconds in between.
 */
async function takeRoute({ id, route, passHost }: FrontendSpec, creation: Creation): Promise<void> {
  const claim = meaningOf(route);
  const others = (await creation.reads.frontends()).filter(({ Id, Route }) => Id !== id && meaningOf(Route) === claim);
  for (const { Id, Route, BackendId } of others) {
    const service = creation.ids.serviceOf(Id, "frontend");
    if (service === null) {
      const remedy = "remove it, or give the service another muster.route.host or muster.route.path";
      throw refusal(
        `frontend ${quoted(Id)}, which this cluster's Muster did not make, has the route ${claim}; ${remedy}`,
      );
    }
    const other = { kind: "frontend", id: Id, backend: BackendId, route: Route, passHost } as const;
    await handOver(`the route ${claim} is held by service ${service}`, other, creation);
  }
}

/** The core has decided that it is ours to have now; only other nodes' instances may still need the old one. */
async function handOver(what: string, spec: ListenerSpec | FrontendSpec, creation: Creation): Promise<void> {
  try {
    await remove(spec, creation);
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    const { status, retry, ambiguous } = error;
    throw new RequestError(`${what}: ${error.message}`, { status, retry, ambiguous });
  }
}

function meaningOf(route: string): string {
  const target = readExpression(route);
  return target === null ? route.trim() : claimOf(target);
}

/** For a server whose backend is gone; the message alone does not say so. */
export function explained(error: unknown): unknown {
  if (!(error instanceof RequestError) || error.status !== 404) return error;
  const { status, retry, ambiguous } = error;
  return new RequestError(`its backend is gone (${messageOf(error)})`, { status, retry, ambiguous });
}
