/** The calls to Consul that a lock takes. */
import * as v from "valibot";
import { openConsulToken } from "../../consul-token.ts";
import { RequestError, statusError } from "../../failure.ts";
import {
  createHttpClient,
  type HttpAnswer,
  type HttpClient,
  type HttpRequest,
  parseAnswer,
  readTls,
} from "../../http.ts";
import type { ConsulOptions } from "../../registries/consul/options.ts";
import { type Lock, Mark } from "./lock.ts";

/**
 * Each call has a time limit of its own. All reject with `signal.reason` on abort, else with a `RequestError` of one line
 * that names the lock and holds no secret.
 */
export interface LockClient extends AsyncDisposable {
  /** As it is now (`consistent`), and not as some server remembers it. Needs `key:read`. */
  read(signal: AbortSignal): Promise<Lock>;
  /** Resolves when the key has changed since `index`, or after some `ms`; now and then for nothing. Needs `key:read`. */
  changed(index: number, ms: number, signal: AbortSignal): Promise<void>;
  /** @returns its id. Needs `session:write` on the agent's node. */
  createSession(signal: AbortSignal): Promise<string>;
  /** @returns false if there is no such session. Needs `session:write` on its node. */
  renewSession(session: string, signal: AbortSignal): Promise<boolean>;
  /** An unknown one is fine. Needs `session:write` on its node, which may be another's. */
  destroySession(session: string, signal: AbortSignal): Promise<void>;
  /**
   * Takes the lock if it is still as it was seen: a request that comes late must not take what another has had meanwhile,
   * and perhaps still believes in. @returns false if it is not, or another holds it. Needs `key:write`.
   */
  take(mark: Mark, seen: Lock, signal: AbortSignal): Promise<boolean>;
  /** Replaces the mark where the session holds the lock. @returns false if another holds it. Needs `key:write`. */
  acquire(mark: Mark, signal: AbortSignal): Promise<boolean>;
  /** Writes the mark where there is no key, and takes no lock; nothing happens where there is one. Needs `key:write`. */
  place(mark: Mark, signal: AbortSignal): Promise<void>;
  /** Gives the lock back and leaves the mark; nothing happens where the session doesn't hold it. Needs `key:write`. */
  release(mark: Mark, signal: AbortSignal): Promise<void>;
}

/** Of the agent: as in `registries.consul`. */
export type ConsulAccess = Pick<
  ConsulOptions,
  "url" | "tokenFile" | "token" | "caFile" | "certFile" | "keyFile" | "timeout"
>;

export interface LockClientOptions {
  readonly consul: ConsulAccess;
  readonly key: string;
  /** Of a session, ms. */
  readonly ttl: number;
  /** Names the session, for people. */
  readonly node: string;
}

/** Consul lets a blocking query last up to a sixteenth longer than asked, so that not all come back at once. */
const JITTER = 17 / 16;
/** Of one blocking query, ms. */
const MAX_WAIT_MS = 60_000;

/** Throws an Error that names a file that can't be used. */
export function createLockClient({ consul, key, ttl, node }: LockClientOptions): LockClient {
  const { url } = consul;
  const tls = readTls(consul);
  // Two beats may hang and a third still comes in time.
  const quick = createHttpClient({ url, timeout: Math.min(consul.timeout, ttl / 6), tls, connections: 4 });
  const longest = Math.min(ttl, MAX_WAIT_MS);
  const patient = createHttpClient({ url, timeout: longest * JITTER + consul.timeout, tls, connections: 2 });
  const needed = `key:write on "${key}" and session:write on the nodes of the candidates' agents`;
  const token = openConsulToken(consul);
  const path = `/v1/kv/${key.split("/").map(encodeURIComponent).join("/")}`;

  async function send(what: string, request: HttpRequest, signal: AbortSignal, http = quick): Promise<HttpAnswer> {
    try {
      return await token.authorised(needed, (secret) => answered(http, request, secret, signal));
    } catch (error) {
      throw signal.aborted || !(error instanceof RequestError) ? error : named(`leader lock ${key}: ${what}`, error);
    }
  }

  function put(what: string, target: string, signal: AbortSignal, more: Partial<HttpRequest> = {}) {
    return send(what, { method: "PUT", path: target, ...more }, signal);
  }

  return {
    async read(signal) {
      const answer = await send("read", { method: "GET", path, query: { consistent: "" } }, signal);
      return lockOf(answer);
    },
    async changed(index, ms, signal) {
      const wait = `${Math.max(1, Math.floor(Math.min(ms, longest) / JITTER))}ms`;
      await send("watch", { method: "GET", path, query: { index: String(index), wait } }, signal, patient);
    },
    async createSession(signal) {
      const body = {
        Name: `${key} ${node}`,
        TTL: `${ttl}ms`,
        Behavior: "release",
        // Candidates see to it themselves (`createPatience`), whatever becomes of Consul's memory.
        LockDelay: "0s",
        // Not bound to `serfHealth` (the default), which fails, and would free the lock, long before the holder can know.
        NodeChecks: [],
        Checks: [],
      };
      const answer = await put("create a session", "/v1/session/create", signal, { body });
      return parseAnswer(Session, answer).ID;
    },
    async renewSession(session, signal) {
      const answer = await put("renew the session", `/v1/session/renew/${encodeURIComponent(session)}`, signal);
      return answer.status !== 404;
    },
    async destroySession(session, signal) {
      await put("end a session", `/v1/session/destroy/${encodeURIComponent(session)}`, signal);
    },
    async take(mark, seen, signal) {
      const { value, modified } = seen;
      const asSeen = value === null ? { Verb: "check-not-exists" } : { Verb: "check-index", Index: modified };
      const Value = Buffer.from(JSON.stringify(mark)).toString("base64");
      const body = [{ KV: { Key: key, ...asSeen } }, { KV: { Key: key, Verb: "lock", Value, Session: mark.session } }];
      try {
        await put("take", "/v1/txn", signal, { body });
        return true;
      } catch (error) {
        // One of the two does not hold.
        if (error instanceof RequestError && error.status === 409) return false;
        throw error;
      }
    },
    async acquire(mark, signal) {
      const answer = await put("beat", path, signal, { query: { acquire: mark.session }, body: mark });
      return parseAnswer(v.boolean(), answer);
    },
    async place(mark, signal) {
      await put("mark as vacant", path, signal, { query: { cas: "0" }, body: mark });
    },
    async release(mark, signal) {
      await put("give back", path, signal, { query: { release: mark.session }, body: mark });
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([quick[Symbol.asyncDispose](), patient[Symbol.asyncDispose]()]);
    },
  };
}

/** @returns answers of 2xx and 404, which means that there is no such key or session */
async function answered(
  http: HttpClient,
  request: HttpRequest,
  token: string | undefined,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const headers = token === undefined ? {} : { "x-consul-token": token };
  const answer = await http.send({ ...request, headers }, signal);
  if (answer.status === 404 || (answer.status >= 200 && answer.status < 300)) return answer;
  throw statusError(answer.status, answer.text, request.method === "GET");
}

function named(what: string, { message, status, retry, ambiguous, cause }: RequestError): RequestError {
  return new RequestError(`${what}: ${message}`, { status, retry, ambiguous, cause });
}

const Session = v.object({ ID: v.pipe(v.string(), v.nonEmpty()) });

/** `GET /v1/kv/KEY`: one entry. A free lock has no `Session`. */
const Entries = v.tuple([
  v.object({
    Value: v.nullable(v.string()),
    Session: v.optional(v.string(), ""),
    LockIndex: v.number(),
    ModifyIndex: v.number(),
  }),
]);

function lockOf(answer: HttpAnswer): Lock {
  const index = indexOf(answer);
  if (answer.status === 404) return { index, modified: 0, session: null, lockIndex: 0, value: null, mark: null };
  const [{ Value, Session: session, LockIndex, ModifyIndex }] = parseAnswer(Entries, answer);
  const value = Buffer.from(Value ?? "", "base64").toString("utf8");
  const held = { session: session === "" ? null : session, lockIndex: LockIndex, value, mark: markOf(value) };
  return { index, modified: ModifyIndex, ...held };
}

/** 0, which does not block, where the header is missing or makes no sense. */
function indexOf({ headers }: HttpAnswer): number {
  const index = Number(headers["x-consul-index"]);
  return Number.isSafeInteger(index) && index > 0 ? index : 0;
}

function markOf(value: string): Mark | null {
  try {
    return v.parse(Mark, JSON.parse(value));
  } catch {
    return null;
  }
}
