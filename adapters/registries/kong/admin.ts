/** Calls to the Admin API of one node, with whatever it wants to see first. */
import { isDeepStrictEqual } from "node:util";
import * as v from "valibot";
import { messageOf, RequestError, statusError } from "../../failure.ts";
import { createHttpClient, type HttpAnswer, type HttpRequest, parseAnswer, readTls } from "../../http.ts";
import { openSecret, type Secret } from "../../secret.ts";
import { pageOf } from "./answers.ts";
import type { KongOptions } from "./options.ts";

export interface AdminRequest extends Omit<HttpRequest, "headers"> {
  /** Of the node and not of the workspace. */
  readonly global?: boolean;
}

/** All reject with `signal.reason` on abort, else with a `RequestError` that holds no secret. */
export interface AdminClient extends AsyncDisposable {
  /** The server, for messages. */
  readonly where: string;
  /** @param welcome statuses, besides 200 to 299, that are no failure */
  send(request: AdminRequest, welcome: readonly number[], signal: AbortSignal): Promise<HttpAnswer>;
  /** A whole list, page by page; an unknown parent is a failure. */
  rows<T extends v.GenericSchema>(
    path: string,
    row: T,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<readonly v.InferOutput<T>[]>;
}

/** The largest that is accepted. `next` is never followed: it forgets the size (facts/kong.md §2, "Pagination"). */
const PAGE = "1000";
const MAX_PAGES = 1000;

/** Throws an Error that names a TLS file that can't be used. */
export function createAdminClient(url: string, options: KongOptions): AdminClient {
  const { timeout, tokenFile, workspace, concurrency } = options;
  const http = createHttpClient({ url, timeout, tls: readTls(options), connections: concurrency });
  const where = new URL(url).origin;
  const credentials = openCredentials(options);

  function attempt(request: AdminRequest, headers: Credentials["headers"], signal: AbortSignal): Promise<HttpAnswer> {
    const { global = false, path, ...rest } = request;
    const prefix = global || workspace === undefined ? "" : `/${encodeURIComponent(workspace)}`;
    return http.send({ ...rest, path: `${prefix}${path}`, headers }, signal);
  }

  async function send(request: AdminRequest, welcome: readonly number[], signal: AbortSignal): Promise<HttpAnswer> {
    let { headers, secrets } = credentials(false);
    let answer = await attempt(request, headers, signal);
    // A token that was changed in its file may have been revoked before anyone looked: one refusal, one fresh look.
    if (isRefusal(answer) && !isDeepStrictEqual(credentials(true).secrets, secrets)) {
      ({ headers, secrets } = credentials(false));
      answer = await attempt(request, headers, signal);
    }
    const { status } = answer;
    if (status >= 200 && status < 300) return answer;
    // A server, or a proxy on the way, may well repeat what it was sent.
    if (welcome.includes(status)) return { ...answer, text: redacted(answer.text, secrets) };
    const hint = isRefusal(answer) ? ` (${tokenHint(tokenFile)})` : "";
    const text = redacted(`${said(answer)}${hint}`, secrets);
    throw statusError(status, text, request.method === "GET");
  }

  return {
    where,
    send,
    async rows(path, row, query, signal) {
      const schema = pageOf(row);
      const all: v.InferOutput<typeof row>[] = [];
      let offset: string | null = null;
      for (let page = 1; page <= MAX_PAGES; page += 1) {
        const asked = { ...query, size: PAGE, ...(offset !== null && { offset }) };
        const answer = await send({ method: "GET", path, query: asked }, [], signal);
        const { data, offset: next } = parseAnswer(schema, answer);
        all.push(...data);
        if (next === null || next === undefined || data.length === 0) return all;
        if (next === offset) break;
        offset = next;
      }
      throw new RequestError(`the list ${path} does not end`, { retry: true, ambiguous: false });
    },
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  };
}

interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  /** What must not get out. */
  readonly secrets: readonly string[];
}

function openCredentials({ tokenFile, headers }: KongOptions): (fresh: boolean) => Credentials {
  const files = new Map<string, Secret>();
  const plain: Record<string, string> = {};
  if (tokenFile !== undefined) files.set("kong-admin-token", openSecret(tokenFile, "Kong Admin token"));
  for (const [header, value] of Object.entries(headers)) {
    if (typeof value === "string") plain[header.toLowerCase()] = value;
    else files.set(header.toLowerCase(), openSecret(value.file, `header ${header}`));
  }

  return (fresh) => {
    try {
      const secret = [...files].map(([header, file]): [string, string] => [header, file.read({ fresh })]);
      return { headers: { ...plain, ...Object.fromEntries(secret) }, secrets: secret.map(([, value]) => value) };
    } catch (cause) {
      // It may be readable the next time.
      throw new RequestError(messageOf(cause), { retry: true, ambiguous: false, cause });
    }
  };
}

function isRefusal({ status }: HttpAnswer): boolean {
  return status === 401 || status === 403;
}

function tokenHint(tokenFile: string | undefined): string {
  if (tokenFile === undefined) return "no tokenFile is configured";
  return `the token in ${tokenFile} must be valid and allow it`;
}

const Said = v.object({ message: v.string() });

/** Kong's own words, which name the field; else the text as it is. */
function said({ text }: HttpAnswer): string {
  try {
    return v.parse(Said, JSON.parse(text)).message;
  } catch {
    return text;
  }
}

function redacted(text: string, secrets: readonly string[]): string {
  return secrets.reduce((safe, secret) => safe.replaceAll(secret, "[redacted]"), text);
}
