/** The admin API over a store: pure, no HTTP. Every status and message is from the recorded transcripts. */
import { type Dialect, emptyId, isBeta, isV3, mistake, notFound, Refusal, type Reply } from "./dialect.ts";
import { lifetime, parseGoDuration } from "./durations.ts";
import { type Fields, type RequestBody, unwrapped } from "./json.ts";
import { KINDS, type Kind, MEMBERS, type Member } from "./objects.ts";
import type { Store } from "./store.ts";

export interface ApiRequest {
  readonly method: string;
  /** With query. */
  readonly path: string;
  readonly body: RequestBody;
}

export interface Api {
  handle(request: ApiRequest): Reply;
  /** The frontends that the proxy routes to: of two with one route the last written; none once either is deleted (hazard 4). */
  routed(): readonly Fields[];
  servers(backend: string): readonly Fields[];
}

interface Endpoint {
  readonly method: string;
  /** Segments below `/v2`; `*` stands for an id. */
  readonly path: string;
  act(ids: readonly string[], request: ApiRequest): Reply;
}

export function createApi(dialect: Dialect, store: Store): Api {
  const v3 = isV3(dialect);
  /** Route → id of the frontend that was written last; null: one of several with that route was deleted. */
  const routes = new Map<string, string | null>();
  const endpoints: readonly Endpoint[] = [
    { method: "GET", path: "status", act: () => ok({ Status: "ok" }) },
    { method: "GET", path: "log/severity", act: () => ok({ severity: isBeta(dialect) ? "INFO" : "panic" }) },
    { method: "GET", path: "top/servers", act: (_, { path }) => top("Servers", path) },
    { method: "GET", path: "top/frontends", act: (_, { path }) => top("Frontends", path) },
    ...(["hosts", "listeners", "backends", "frontends"] as const).flatMap(endpointsOf),
    ...(["servers", "middlewares"] as const).flatMap(memberEndpoints),
  ];

  function endpointsOf(kind: Kind): readonly Endpoint[] {
    return [
      { method: "GET", path: kind, act: () => list(kind) },
      { method: "GET", path: `${kind}/*`, act: ([id = ""]) => ok(one(KINDS[kind].key(id))) },
      { method: "POST", path: kind, act: (_, { body }) => write(kind, body) },
      { method: "DELETE", path: `${kind}/*`, act: ([id = ""]) => remove(kind, id) },
    ];
  }

  function memberEndpoints(kind: Member): readonly Endpoint[] {
    const { of, wrapper, plural } = MEMBERS[kind];
    const folder = (owner: string) => `${of}/${owner}/${kind}`;
    const path = folder("*");
    return [
      { method: "GET", path, act: ([owner = ""]) => ok({ [plural]: nullable(members(folder(owner))) }) },
      { method: "GET", path: `${path}/*`, act: ([owner = "", id = ""]) => ok(one(`${folder(owner)}/${id}`)) },
      { method: "POST", path, act: ([owner = ""], { body }) => writeMember(kind, owner, body) },
      {
        method: "DELETE",
        path: `${path}/*`,
        act: ([owner = "", id = ""]) => removed(`${folder(owner)}/${id}`, `${wrapper} deleted`),
      },
    ];
  }

  function list(kind: Kind): Reply {
    const found = kind === "backends" || kind === "frontends" ? strict(kind) : nullable(members(kind, KINDS[kind].key));
    return ok({ [KINDS[kind].plural]: found });
  }

  /** v3 says null for no hosts, listeners and members. */
  function nullable(found: readonly Fields[]): readonly Fields[] | null {
    return v3 && found.length === 0 ? null : found;
  }

  /** etcd v2: one backend that lacks its own key, or holds garbage, spoils the list. */
  function strict(kind: "backends" | "frontends"): readonly Fields[] {
    return store.names(kind).flatMap((name): Fields[] => {
      const value = decoded(store.get(KINDS[kind].key(name)));
      if (value !== null) return [KINDS[kind].make(dialect, { Id: name, ...value })];
      if (v3) return [];
      const what = kind === "backends" ? "Backend" : "Frontend";
      throw new Refusal(500, isBeta(dialect) ? "Internal Server Error" : `${what} ${name} parameters missing`);
    });
  }

  function members(folder: string, key = (name: string) => `${folder}/${name}`): readonly Fields[] {
    return store.names(folder).flatMap((name) => {
      const text = store.get(key(name));
      const value = decoded(text);
      // An id with a slash is a folder here, and stays unseen (hazard 7).
      if (text === undefined) return [];
      if (value === null && isBeta(dialect)) {
        throw mistake(dialect, "invalid character 'o' in literal null (expecting 'u')");
      }
      return value === null ? [] : [folder === "hosts" ? value : { ...value, Id: name }];
    });
  }

  function one(key: string): Fields {
    const value = decoded(store.get(key));
    if (value === null) throw notFound(dialect, key);
    return key.includes("/servers/") ? { Id: key.split("/").at(-1), ...value } : value;
  }

  function write(kind: Kind, body: RequestBody): Reply {
    const { wrapper, make, key } = KINDS[kind];
    const pack = unwrapped(dialect, wrapper, body);
    if (pack === null) return "close";
    const ttl = lifeOf(pack.ttl);
    const object = make(dialect, pack.object);
    const id = String(object["Id"] ?? object["Name"]);
    if (kind !== "frontends") store.set(key(id), JSON.stringify(object), ttl);
    else writeFrontend(id, object, ttl);
    return ok(object);
  }

  function writeFrontend(id: string, object: Fields, ttl: number | null): void {
    one(KINDS.backends.key(String(object["BackendId"])));
    store.set(KINDS.frontends.key(id), JSON.stringify(object), v3 ? ttl : null);
    if (!v3 && ttl !== null) store.expire(`frontends/${id}`, ttl);
    routes.set(String(object["Route"]), id);
  }

  function writeMember(kind: Member, owner: string, body: RequestBody): Reply {
    const { of, wrapper, make } = MEMBERS[kind];
    const pack = unwrapped(dialect, wrapper, body);
    if (pack === null) return "close";
    const ttl = lifeOf(pack.ttl);
    const object = make(dialect, pack.object);
    if (object["Id"] === "") throw emptyId(dialect, "backend id and server id can not be empty");
    one(KINDS[of].key(owner));
    store.set(`${of}/${owner}/${kind}/${object["Id"]}`, JSON.stringify(object), ttl);
    return ok(object);
  }

  function lifeOf(ttl: string | undefined): number | null {
    return ttl === undefined ? null : lifetime(dialect, parseGoDuration(dialect, ttl));
  }

  function remove(kind: Kind, id: string): Reply {
    if (kind === "backends") refuseUsed(id);
    const route = kind === "frontends" ? decoded(store.get(KINDS.frontends.key(id)))?.["Route"] : undefined;
    const reply = removed(
      `${kind}/${id}`,
      kind === "hosts" ? `Host '${id}' deleted` : `${KINDS[kind].wrapper} deleted`,
    );
    if (route !== undefined) routes.set(String(route), null);
    return reply;
  }

  function refuseUsed(backend: string): void {
    const users = strict("frontends").filter(({ BackendId }) => BackendId === backend);
    const shown = users.map(({ Id, Route }) => `{${Id} ${Route} http ${backend} <nil>}`).join(" ");
    if (users.length > 0) throw mistake(dialect, `can not delete backend '${backend}', it is in use by [${shown}]`);
  }

  function removed(path: string, message: string): Reply {
    if (!store.remove(path) && !v3) throw notFound(dialect, path);
    return ok({ message });
  }

  function top(plural: string, path: string): Reply {
    if (isBeta(dialect) && !path.includes("limit=")) throw mistake(dialect, 'strconv.Atoi: parsing "": invalid syntax');
    return ok({ [plural]: [] });
  }

  return {
    handle(request) {
      try {
        return dispatch(endpoints, request);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        return { status: error.status, body: { message: error.message } };
      }
    },
    routed: () =>
      strict("frontends").filter(({ Id, Route }) => {
        const last = routes.get(String(Route));
        return last === undefined || last === Id;
      }),
    servers: (backend) => members(`backends/${backend}/servers`),
  };
}

function dispatch(endpoints: readonly Endpoint[], request: ApiRequest): Reply {
  const [path = ""] = request.path.split("?");
  const [, version, ...segments] = path.split("/").map(decodeURIComponent);
  if (version !== "v2" && path !== "/v1/status") return lost();
  // The router does not know an encoded slash from a real one, nor an empty segment.
  if (segments.some((segment) => segment === "" || segment.includes("/"))) return lost();
  for (const { method, path: pattern, act } of endpoints) {
    const wanted = pattern.split("/");
    const fits = wanted.length === segments.length && wanted.every((each, at) => each === "*" || each === segments[at]);
    if (fits && method === request.method)
      return act(
        segments.filter((_, at) => wanted[at] === "*"),
        request,
      );
  }
  return lost();
}

function ok(body: unknown): Reply {
  return { status: 200, body };
}

/** Unknown paths, wrong methods, trailing slashes: never 405. */
function lost(): Reply {
  return { status: 404, body: { message: "Object not found" } };
}

function decoded(value: string | undefined): Fields | null {
  if (value === undefined) return null;
  try {
    return JSON.parse(value) as Fields;
  } catch {
    return null;
  }
}
