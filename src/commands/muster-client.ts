/** Asks a running Muster over its HTTP API. With Node's own fetch: nothing to load. */
import { readFile } from "node:fs/promises";
import type { ListenAddress } from "../config/schema.ts";
import { ExitError } from "./exit-error.ts";

const TIMEOUT_MS = 5000;

export interface MusterClient {
  /** @throws ExitError 1 in one line for whatever keeps the answer away */
  get(path: string): Promise<unknown>;
}

/** Where one reaches what listens there; an address that means "all" is reached over the loopback. */
export function urlOf({ host, port }: ListenAddress): string {
  if (host === "0.0.0.0") return `http://127.0.0.1:${port}`;
  if (host === "::") return `http://[::1]:${port}`;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** @throws ExitError 2 where the address or the token file can't be used */
export async function createMusterClient(base: string, tokenFile: string | null): Promise<MusterClient> {
  if (!URL.canParse(base) || !/^https?:/.test(base)) {
    throw new ExitError(2, [`--url: expected a URL such as http://127.0.0.1:8590, got "${base}"`]);
  }
  const headers = tokenFile === null ? {} : { authorization: `Bearer ${await readToken(tokenFile)}` };
  return {
    async get(path) {
      const response = await ask(base, path, headers);
      if (response.status === 401 || response.status === 403) {
        throw new ExitError(1, [
          `${base}: refused our token; http.tokenFile must name the one that this Muster was started with`,
        ]);
      }
      if (!response.ok) throw new ExitError(1, [`${base}${path}: answered ${response.status}; is it a Muster?`]);
      try {
        return await response.json();
      } catch {
        throw new ExitError(1, [`${base}${path}: the answer is no JSON; is it a Muster?`]);
      }
    },
  };
}

async function ask(base: string, path: string, headers: Readonly<Record<string, string>>): Promise<Response> {
  try {
    return await fetch(new URL(path, base), { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
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
  return "code" in cause && cause.code === "ECONNREFUSED" ? "connection refused" : cause.message || error.message;
}

async function readToken(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).replace(/\r?\n$/, "");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ExitError(2, [`http.tokenFile: ${file}: can't be read: ${reason}`]);
  }
}
