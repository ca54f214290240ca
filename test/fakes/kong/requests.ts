/** The Admin API's requests, after HTTP: which of them leads where. */
import { collectionRequest } from "./collections.ts";
import { configRequest } from "./declarative.ts";
import { nodeRequest } from "./node.ts";
import { notFound, unexpected, unsupported } from "./refusal.ts";
import { find, KINDS, type Kind, type Store } from "./store.ts";
import { targetRequest } from "./targets.ts";

export interface Call {
  readonly method: string;
  /** As it was sent, without the query. */
  readonly path: string;
  /** Of the path, decoded. */
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
  /** The body as it was sent. */
  readonly text: string;
}

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One Kong. */
export interface World {
  readonly version: string;
  readonly dbless: boolean;
  readonly store: Store;
  /** DB-less: what was last loaded, and its hash; zeros: never. */
  config: { readonly text: string; readonly hash: string };
  databaseIsDown: boolean;
  nextId(): string;
  /** ms since the epoch */
  now(): number;
}

/** Throws a Refusal. */
export function respond(world: World, call: Call): Answer {
  const [first = ""] = call.segments;
  if (call.method === "OPTIONS") return { status: 204 };
  if (first === "status") return nodeRequest(world, call);
  if (world.databaseIsDown) throw unexpected();
  if (first === "config") return configRequest(world, call);
  if (!isKind(first)) return nodeRequest(world, call);
  if (world.dbless) mayWrite(world, call, first);
  if (first === "upstreams" && call.segments[2] === "targets") return targetRequest(world, call);
  return collectionRequest(world, call, first);
}

function isKind(text: string): text is Kind {
  return KINDS.some((kind) => kind === text);
}

/** Recorded: writes are refused, but an absent one may be deleted, and is not found when it is patched. */
function mayWrite(world: World, { method, segments }: Call, kind: Kind): void {
  const [, ref] = segments;
  switch (method) {
    case "POST":
      throw unsupported(`cannot create '${kind}' entities when not using a database`);
    case "PUT":
      if (segments.at(-1) === "healthy" || segments.at(-1) === "unhealthy") throw notFound();
      throw unsupported(`cannot create or update '${kind}' entities by 'name' when not using a database`);
    case "PATCH":
    case "DELETE":
      if (ref !== undefined && find(world.store[kind], ref) !== undefined) {
        const verb = method === "PATCH" ? "update" : "delete";
        throw unsupported(`cannot ${verb} '${kind}' entities when not using a database`);
      }
      return;
    default:
      return;
  }
}
