/** Asks a running Muster over its HTTP API. With Node's own fetch: nothing to load. */
import { readFile } from "node:fs/promises";
import type { ListenAddress } from "../config/schema.ts";
import { ExitError } from "./exit-error.ts";

const TIMEOUT_MS = 5000;

export interface MusterClient {
  /** @throws ExitError 1 in one line for whatever keeps the answer away */
  get(path: string): Promise<unknown>;
  /** As `get`; null where there is no such thing (404). */
  find(path: string): Promise<unknown>;
  /** Sends JSON. @throws ExitError 1 in one line */
  post(path: string, body: object): Promise<unknown>;
}

/** Where one reaches what listens there; an address that means "all" is reached over the loopback. */
export function urlOf({ host, port }: ListenAddress): string {
  if (host === "0.0.0.0") return `http://127.0.0.1:${port}`;
  if (host === "::") return `http://[::1]:${port}`;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/**
 * @param address a URL; without a scheme, as `http.listen` has it, http is meant
 * @throws ExitError 2 where the address or the token file can't be used
 */
export async function createMusterClient(address: string, tokenFile: string | null): Promise<MusterClient> {
  const base = /^[^/]+:\d+$/.test(address) ? `http://${address}` : address;
  if (!URL.canParse(base) || !/^https?:/.test(base)) {
    throw new ExitError(2, [`--url: expected a URL such as http://127.0.0.1:8590, got "${address}"`]);
  }
  const headers = tokenFile === null ? {} : { authorization: `Bearer ${await readToken(tokenFile)}` };
  async function send(path: string, body: object | null, allow404: boolean): Promise<unknown> {
    const response = await ask(base, path, body === null ? { headers } : posting(headers, body));
    if (response.status === 404 && allow404) return null;
    if (!response.ok) throw new ExitError(1, [await complaintOf(response, base + path, tokenFile !== null)]);
    try {
      return await response.json();
    } catch {
      throw new ExitError(1, [`${base}${path}: the answer is no JSON; is it a Muster?`]);
    }
  }

  return {
    get: (path) => send(path, null, false),
    find: (path) => send(path, null, true),
    post: (path, body) => send(path, body, false),
  };
}

type Headers = Readonly<Record<string, string>>;

function posting(headers: Headers, body: object): RequestInit {
  return { method: "POST", headers: { ...headers, "content-type": "application/json" }, body: JSON.stringify(body) };
}

const NO_TOKEN = "it asks for a token; name the file that holds it as http.tokenFile (MUSTER_HTTP__TOKEN_FILE)";
const WRONG_TOKEN = "it refused our token; http.tokenFile must name the one that this Muster was started with";

/** What the problem details say; whoever sends none is hardly a Muster. */
async function complaintOf(response: Response, url: string, hasToken: boolean): Promise<string> {
  const { status, headers } = response;
  if (status === 401 || status === 403) return `${new URL(url).origin}: ${hasToken ? WRONG_TOKEN : NO_TOKEN}`;
  const isProblem = headers.get("content-type")?.startsWith("application/problem+json") ?? false;
  const body: unknown = isProblem ? await response.json().catch(() => null) : null;
  const detail = typeof body === "object" && body !== null && "detail" in body ? body.detail : null;
  return typeof detail === "string" ? detail : `${url}: answered ${status}; is it a Muster?`;
}

async function ask(base: string, path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(new URL(path, base), { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    throw new ExitError(1, [
      `${base}: no Muster answers there (${reasonOf(error)}); start one with \`muster run\`, or name its address with --url`,
    ]);
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${TIMEOUT_MS / 1000} s`;
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  const code = "code" in cause ? cause.code : null;
  if (code === "ECONNREFUSED") return "connection refused";
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER") return "it does not speak TLS: is it http:// rather than https://?";
  return (cause.message || error.message).trim().split("\n")[0] ?? "";
}

async function readToken(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).replace(/\r?\n$/, "");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ExitError(2, [`http.tokenFile: ${file}: can't be read: ${reason}`]);
  }
}
