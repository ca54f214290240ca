/**
 * What can be wrong with a Vulcand and with our way to it. It has no permissions of its own; a proxy before it may have.
 * Nothing is written.
 */
import type { AdapterContext, Finding } from "../../../src/model.ts";
import { look, ok, reach } from "../../diagnosis.ts";
import { statusError } from "../../failure.ts";
import { createHttpClient, readTls } from "../../http.ts";
import { openSecret } from "../../secret.ts";
import { createVulcandClient, type VulcandClient } from "./client.ts";
import type { VulcandOptions } from "./options.ts";

export async function* diagnose(
  options: VulcandOptions,
  { now }: AdapterContext,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  await using client = createVulcandClient(options);
  const fix = "is Vulcand's API listening there, is registries.vulcand.url right, and does authorizationFile fit?";
  const { answer, findings } = await reach({ where: options.url, fix, now }, () => status(options, signal), signal);
  yield* findings;
  if (answer === null) return;
  yield ok("version", "Vulcand does not tell it; 0.8.0-beta.3 to 0.9.2 will do");
  for (const [what, read] of reads(client, signal)) yield await permission(what, read, signal);
  yield await permission("DELETE /v2/backends", () => client.remove(NOBODY, signal), signal);
}

/** No backend is called so, and none can begin so (on etcd v3 a deletion takes all that begins with an id). */
const NOBODY = ["backends", "muster-doctor-asks-whether-it-may"];

/** Says nothing of etcd: the lists do. */
async function status({ url, timeout, authorizationFile, ...tls }: VulcandOptions, signal: AbortSignal) {
  const { caFile, certFile, keyFile } = tls;
  await using http = createHttpClient({ url, timeout, tls: readTls({ caFile, certFile, keyFile }) });
  const secret = authorizationFile === undefined ? null : openSecret(authorizationFile, "Authorization header").read();
  const headers = secret === null ? {} : { authorization: secret };
  const answer = await http.send({ method: "GET", path: "/v2/status", headers }, signal);
  if (answer.status === 200) return answer;
  // Its text may repeat what was sent.
  throw statusError(answer.status, "", true);
}

type Read = readonly [string, () => Promise<unknown>];

function reads(client: VulcandClient, signal: AbortSignal): readonly Read[] {
  return [
    ["GET /v2/hosts", () => client.hosts(signal)],
    ["GET /v2/listeners", () => client.listeners(signal)],
    ["GET /v2/backends", () => client.backends(signal)],
    ["GET /v2/frontends", () => client.frontends(signal)],
  ];
}

async function permission(what: string, ask: () => Promise<unknown>, signal: AbortSignal): Promise<Finding> {
  const fix = `does Vulcand reach its etcd, and does the proxy before it (if any) allow ${what}?`;
  return await look(
    what,
    fix,
    async () => {
      await ask();
      return ok(what, "allowed");
    },
    signal,
  );
}
