/**
 * How each kind of object is removed. On etcd v3 DELETE deletes by prefix (hazard 1), and which etcd there is can't be seen:
 * so nothing is deleted while an id of somebody else's begins with it.
 */
import { RequestError } from "../../failure.ts";
import { quoted } from "../../text.ts";
import type { VulcandClient } from "./client.ts";
import { refusal } from "./errors.ts";
import { type Ids, tokenOf } from "./ids.ts";
import { hostService } from "./readback.ts";
import type { Reads } from "./reads.ts";
import { readExpression } from "./route.ts";
import type { ServerSpec, Spec } from "./spec.ts";

export interface Removal {
  readonly client: VulcandClient;
  readonly ids: Ids;
  readonly reads: Reads;
  readonly signal: AbortSignal;
}

/** The shortest TTL that no version takes for none. */
const SHORTEST = "2s";

/** Rejects with a `RequestError`. What is not there is fine. */
export async function remove(spec: Spec, removal: Removal): Promise<void> {
  const { client, reads, signal } = removal;
  switch (spec.kind) {
    case "server":
      return await removeServer(spec, removal);
    case "host":
      return await removeHost(spec.name, removal);
    case "backend":
      await refuseBackend(spec.id, removal);
      return await client.remove(["backends", spec.id], signal);
    case "listener":
      await refuseNeeded(spec.id, "listener", removal);
      refusePrefix(spec.id, "listener", await reads.listeners());
      return await client.remove(["listeners", spec.id], signal);
    case "frontend":
      await refuseNeeded(spec.id, "frontend", removal);
      refusePrefix(spec.id, "frontend", await reads.frontends());
      return await client.remove(["frontends", spec.id], signal);
  }
}

/** Where a deletion would take another server along, it is left to run out instead. */
async function removeServer({ backend, id, url }: ServerSpec, { client, reads, signal }: Removal): Promise<void> {
  const servers = await reads.servers(backend);
  if (!servers.some(({ Id }) => Id === id)) return;
  if (
    longer(
      id,
      servers.map(({ Id }) => Id),
    ) === undefined
  ) {
    return await client.remove(["backends", backend, "servers", id], signal);
  }
  await client.put(["backends", backend, "servers"], { Server: { Id: id, URL: url }, TTL: SHORTEST }, signal);
}

/** A stranger's host is left as it is. Ours, having no certificate, changes nothing for others' frontends when it goes. */
async function removeHost(name: string, { client, ids, reads, signal }: Removal): Promise<void> {
  const hosts = await reads.hosts();
  const host = hosts.find(({ Name }) => Name === name);
  if (host === undefined || hostService(ids, host) === null) return;
  const user = (await reads.frontends()).find(
    ({ Id, Route }) => ids.serviceOf(Id, "frontend") !== null && readExpression(Route)?.host === name,
  );
  if (user !== undefined) throw refusal(`it is still used by frontend ${quoted(user.Id)}`);
  refusePrefix(
    name,
    "host",
    hosts.map(({ Name }) => ({ Id: Name })),
  );
  await client.remove(["hosts", name], signal);
}

/** A backend's servers go with it, whoever's they are. */
async function refuseBackend(id: string, { reads }: Removal): Promise<void> {
  const servers = await reads.servers(id);
  if (servers.length > 0) throw refusal(`it is still used by ${counted(servers.length, "server")}`);
  refusePrefix(id, "backend", await reads.backends());
}

/** The servers of other nodes say in their ids which frontends and listeners they need. */
async function refuseNeeded(id: string, kind: "frontend" | "listener", { ids, reads }: Removal): Promise<void> {
  const service = ids.serviceOf(id, kind);
  if (service === null) throw refusal("it was not made by Muster");
  const token = tokenOf(id);
  const users = (await reads.servers(ids.backend(service))).filter(({ Id }) => {
    const server = ids.readServer(Id);
    return server !== null && server.node !== ids.node && server.needs.includes(token);
  });
  if (users.length === 0) return;
  const error = `it is still used by ${counted(users.length, "server")} of other nodes`;
  // What the change was made from is out of date: listed again, and whoever waits for the others learns it there.
  throw new RequestError(error, { retry: false, ambiguous: true });
}

function refusePrefix(id: string, kind: string, all: readonly { readonly Id: string }[]): void {
  const other = longer(
    id,
    all.map(({ Id }) => Id),
  );
  if (other === undefined) return;
  throw refusal(
    `on etcd v3 deleting it would delete ${kind} ${quoted(other)} too, whose name begins with it; rename that`,
  );
}

function longer(id: string, ids: readonly string[]): string | undefined {
  return ids.find((other) => other !== id && other.startsWith(id));
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
