/** What can be wrong with the Marathons of a cluster and with our credentials: each URL by itself, then what we may read. */
import type { AdapterContext, Finding } from "../../../src/model.ts";
import { openConnections, type TlsMaterial } from "../../connections.ts";
import { isAtLeast, look, ok, reach, readVersion, warning } from "../../diagnosis.ts";
import { statusError } from "../../failure.ts";
import { createHttpClient, type HttpAnswer, readTls } from "../../http.ts";
import { type Auth, createAuth } from "./auth.ts";
import { type Client, createClient } from "./client.ts";
import type { MarathonOptions } from "./options.ts";
import { openStream } from "./stream.ts";

/** Before it there was no event stream (facts/marathon.md). */
const OLDEST = [0, 9] as const;
/** Of up to 1.7 the stream loses events silently: they are listed more often. */
const RELIABLE = [1, 8] as const;

interface Parts {
  readonly name: string;
  readonly options: MarathonOptions;
  readonly auth: Auth;
  readonly tls: TlsMaterial;
  now(): number;
}

export async function* diagnose(
  options: MarathonOptions,
  { name, now }: AdapterContext,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const tls = readTls(options);
  await using auth = createAuth(options, { tls, now });
  const parts: Parts = { name, options, auth, tls, now };
  for (const url of options.urls) yield* diagnoseUrl(url, parts, signal);
}

async function* diagnoseUrl(url: string, parts: Parts, signal: AbortSignal): AsyncGenerator<Finding> {
  const { name, options, auth, tls, now } = parts;
  const named = (finding: Finding) =>
    options.urls.length === 1 || finding.text.startsWith(url)
      ? finding
      : { ...finding, text: `${url}: ${finding.text}` };
  const fix = "is a Marathon running there, and is sources.marathon.urls right?";
  const { answer, findings } = await reach({ where: url, fix, now }, () => ping(url, parts, signal), signal);
  yield* findings.map(named);
  if (answer === null) return;
  await using client = createClient({ name, url, auth, timeout: options.timeout, tls });
  for (const each of looks(client, url, parts, signal)) yield named(await each);
}

/** Needs no credentials; but a proxy before it may want them, and any answer is one. */
async function ping(url: string, { options, tls }: Parts, signal: AbortSignal): Promise<HttpAnswer> {
  await using http = createHttpClient({ url, timeout: options.timeout, tls });
  const answer = await http.send({ method: "GET", path: "/ping" }, signal);
  if (answer.status >= 500) throw statusError(answer.status, "", true);
  return answer;
}

function* looks(client: Client, url: string, parts: Parts, signal: AbortSignal): Generator<Promise<Finding>> {
  const { isNone } = parts.auth;
  const fix = isNone
    ? "Marathon wants credentials: set username and passwordFile, or tokenFile"
    : "are the credentials right, and may this user view apps, tasks and events?";
  yield look("version", fix, async () => version(await client.info(signal)), signal);
  yield look("GET /v2/apps", fix, () => client.apps(false, signal).then(() => allowed("GET /v2/apps")), signal);
  yield look("GET /v2/pods", fix, () => pods(client, signal), signal);
  yield look("GET /v2/events", fix, () => events(url, parts, signal), signal);
}

function version({ version: text, leader }: { readonly version: string | null; readonly leader: string | null }) {
  const numbers = readVersion(text ?? "");
  if (leader === null || leader === "") {
    return warning("version", `${text ?? "not told"}, and no leader`, "nothing is listed before one is elected");
  }
  if (numbers === null) return ok("version", "not told");
  if (!isAtLeast(numbers, OLDEST)) return warning("version", String(text), "Muster needs Marathon 0.9 or later");
  if (isAtLeast(numbers, RELIABLE)) return ok("version", `${text}, its leader is ${leader}`);
  return ok("version", `${text}, its leader is ${leader}; its stream loses events, so it is listed more often`);
}

async function pods(client: Client, signal: AbortSignal): Promise<Finding> {
  const listing = await client.pods(signal);
  return listing === null ? ok("GET /v2/pods", "there are none: too old, or not allowed") : allowed("GET /v2/pods");
}

async function events(url: string, { name, options, auth, tls }: Parts, signal: AbortSignal): Promise<Finding> {
  const connections = openConnections({ tls, keepIdle: 0 });
  try {
    const { urls, timeout } = options;
    const { body, base } = await openStream({ name, urls, auth, connections, timeout }, url, signal);
    body.on("error", () => undefined).destroy();
    return ok("GET /v2/events", base === url ? "allowed" : `allowed, at ${base}`);
  } finally {
    connections.close();
  }
}

function allowed(what: string): Finding {
  return ok(what, "allowed");
}
