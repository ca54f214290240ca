/** What Vulcand holds → Registrations, exactly as `project` makes them of instances. Pure. */
import type { Registration } from "../../../src/model.ts";
import type { Backend, Frontend, Host, Listener, Server } from "./answers.ts";
import { type Ids, tokenOf } from "./ids.ts";
import { sharedRegistration } from "./project.ts";
import { claimOf, readExpression } from "./route.ts";
import { keyOf, RANKS, type Spec } from "./spec.ts";

/** Everything that was listed, whoever's it is. */
export interface Listing {
  readonly hosts: readonly Host[];
  readonly listeners: readonly Listener[];
  readonly frontends: readonly Frontend[];
  /** Our backends, each with its servers. */
  readonly backends: readonly { readonly backend: Backend; readonly servers: readonly Server[] }[];
}

/** @param passHost what the beta, which has no such setting and always passes it on, is taken to say */
export function readBack(ids: Ids, listing: Listing, passHost: boolean): readonly Registration[] {
  const needs = needsOf(ids, listing);
  const frontends = listing.frontends.flatMap((frontend) => readFrontend(ids, frontend, passHost, needs));
  return [
    ...listing.hosts.flatMap((host) => readHost(ids, host, listing.frontends, needs)),
    ...listing.listeners.flatMap((listener) => readListener(ids, listener, needs)),
    ...frontends,
    ...listing.backends.flatMap(({ backend, servers }) => readBackend(ids, backend, servers)),
  ];
}

/** Tokens of the frontends and listeners that the servers of other nodes need. */
function needsOf(ids: Ids, { backends }: Listing): ReadonlySet<string> {
  const others = backends.flatMap(({ servers }) => servers.flatMap(({ Id }) => ids.readServer(Id) ?? []));
  return new Set(others.filter(({ node }) => node !== ids.node).flatMap((server) => server.needs));
}

/**
 * Host objects have no id but their name. Ours is marked in a setting that has no effect while OCSP is off; with a
 * certificate it is somebody else's, whoever made it.
 * @returns the service that it was made for; null: not ours
 */
export function hostService(ids: Ids, { Settings: { KeyPair, OCSP } }: Host): string | null {
  const [mark, ...others] = OCSP.Responders ?? [];
  if (KeyPair !== null || mark === undefined || others.length > 0) return null;
  return ids.serviceOf(mark, "backend");
}

/** @returns the body that makes it */
export function hostBody(ids: Ids, name: string, service: string): object {
  return { Host: { Name: name, Settings: { OCSP: { Enabled: false, Responders: [ids.backend(service)] } } } };
}

/** A stranger's host does as well as ours, so it counts as there where a frontend of ours is for it. */
function readHost(
  ids: Ids,
  host: Host,
  frontends: readonly Frontend[],
  needs: ReadonlySet<string>,
): readonly Registration[] {
  const users = frontends.filter(({ Route }) => readExpression(Route)?.host === host.Name);
  const services = users.flatMap(({ Id }) => ids.serviceOf(Id, "frontend") ?? []);
  const service = hostService(ids, host) ?? services[0];
  if (service === undefined) return [];
  const inUse = users.some(({ Id }) => needs.has(tokenOf(Id)));
  return [sharedRegistration(service, { spec: { kind: "host", name: host.Name }, inUse })];
}

function readListener(
  ids: Ids,
  { Id, Address: { Address } }: Listener,
  needs: ReadonlySet<string>,
): readonly Registration[] {
  const service = ids.serviceOf(Id, "listener");
  if (service === null) return [];
  return [
    sharedRegistration(service, {
      spec: { kind: "listener", id: Id, address: Address },
      claims: [`listener ${Address}`],
      inUse: needs.has(tokenOf(Id)),
    }),
  ];
}

function readFrontend(
  ids: Ids,
  { Id, Route, BackendId, Settings }: Frontend,
  passHost: boolean,
  needs: ReadonlySet<string>,
): readonly Registration[] {
  const service = ids.serviceOf(Id, "frontend");
  if (service === null) return [];
  const target = readExpression(Route);
  return [
    sharedRegistration(service, {
      spec: {
        ...{ kind: "frontend", id: Id, backend: BackendId, route: Route },
        passHost: Settings?.PassHostHeader ?? passHost,
      },
      claims: [target === null ? Route : claimOf(target)],
      inUse: needs.has(tokenOf(Id)),
    }),
  ];
}

function readBackend(ids: Ids, { Id }: Backend, servers: readonly Server[]): readonly Registration[] {
  const service = ids.serviceOf(Id, "backend");
  if (service === null) return [];
  // Deleting it would take the servers of others along.
  const inUse = servers.some((server) => ids.readServer(server.Id)?.node !== ids.node);
  return [
    sharedRegistration(service, { spec: { kind: "backend", id: Id }, inUse }),
    ...servers.flatMap((server) => readServer(ids, Id, service, server)),
  ];
}

function readServer(ids: Ids, backend: string, service: string, { Id, URL: url }: Server): readonly Registration[] {
  const identity = ids.readServer(Id);
  if (identity === null || identity.node !== ids.node) return [];
  const { instance, task, source } = identity;
  const spec: Spec = { kind: "server", backend, id: Id, url };
  // Whatever somebody has made of the URL: it is drift, and will be put right.
  const endpoint = `${url.replace(/^http:\/\//, "")}/tcp`;
  return [{ key: keyOf(spec), instance, service, task, source, endpoint, rank: RANKS.server, spec }];
}
