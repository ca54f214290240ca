/** What can be wrong with a Consul agent and with our token. Nothing is written: Consul is asked what the token may do. */
import * as v from "valibot";
import type { AdapterContext, Finding } from "../../../src/model.ts";
import { isAtLeast, look, ok, problem, reach, readVersion, warning } from "../../diagnosis.ts";
import { messageOf, RequestError } from "../../failure.ts";
import { type HttpAnswer, parseAnswer } from "../../http.ts";
import { type ConsulClient, createConsulClient } from "./client.ts";
import type { ConsulOptions } from "./options.ts";

/** `replace-existing-checks` came with it (facts/consul.md). */
const OLDEST = [1, 6] as const;

const Self = v.object({ Config: v.object({ Version: v.string(), NodeName: v.string() }) });
const Authorizations = v.array(
  v.object({ Resource: v.string(), Segment: v.string(), Access: v.string(), Allow: v.boolean() }),
);

export async function* diagnose(
  options: ConsulOptions,
  { cluster, now }: AdapterContext,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  await using client = createConsulClient(options);
  const fix = "is an agent running there, and is registries.consul.url right?";
  const status = () => client.send({ method: "GET", path: "/v1/status/leader" }, "", signal);
  const { answer, findings } = await reach({ where: options.url, fix, now }, status, signal);
  yield* findings;
  if (answer === null) return;
  yield await look("leader", "is that a Consul agent?", async () => leaderFinding(answer), signal);
  const node = await version(client, signal);
  yield node.finding;
  const token = await tokenFinding(client, options, signal);
  yield token.finding;
  if (token.isUsable) yield* permissions(client, options, { cluster, node: node.name }, signal);
}

/** Its address; empty: there is none. Shown, so it is nothing that a server repeats. */
const Leader = v.pipe(v.string(), v.regex(/^(?:[\w.:[\]-]+:\d{1,5})?$/, "expected an address"));

function leaderFinding(answer: HttpAnswer): Finding {
  const leader = parseAnswer(Leader, answer);
  if (leader !== "") return ok("leader", leader);
  return warning("leader", "there is none", "the catalog is not up to date before the servers elect one");
}

/** Needs agent:read, which Muster itself can do without. */
async function version(client: ConsulClient, signal: AbortSignal) {
  try {
    const answer = await client.send({ method: "GET", path: "/v1/agent/self" }, "agent:read", signal);
    const { Config: config } = parseAnswer(Self, answer);
    return { name: config.NodeName, finding: versionFinding(config.Version) };
  } catch (error) {
    signal.throwIfAborted();
    const isHidden = error instanceof RequestError && error.status === 403;
    const text = isHidden ? "not told without agent:read, which Muster does not need" : messageOf(error);
    const finding = isHidden ? ok("version", text) : warning("version", text, "is that a Consul agent?");
    return { name: null, finding };
  }
}

function versionFinding(text: string): Finding {
  const numbers = readVersion(text);
  if (numbers !== null && isAtLeast(numbers, OLDEST)) return ok("version", text);
  return problem("version", text, `Muster needs Consul ${OLDEST.join(".")} or later`);
}

async function tokenFinding(client: ConsulClient, { tokenFile, token }: ConsulOptions, signal: AbortSignal) {
  const isGiven = tokenFile !== undefined || token !== undefined;
  const origin = tokenFile ?? "CONSUL_HTTP_TOKEN";
  try {
    await client.send({ method: "GET", path: "/v1/acl/token/self" }, "a valid token", signal);
    return { isUsable: true, finding: ok("token", isGiven ? `the one in ${origin} is valid` : "the anonymous one") };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof RequestError && error.status === 401) {
      return { isUsable: false, finding: ok("token", "none is needed: ACLs are off, and everything is allowed") };
    }
    if (!isGiven && error instanceof RequestError && error.status === 403) {
      const fix = "make a token, write it into a file, and name that as registries.consul.tokenFile";
      return { isUsable: true, finding: warning("token", "none is given, and ACLs are on", fix) };
    }
    const fix = isGiven ? `write a valid token into ${origin}` : "name one with registries.consul.tokenFile";
    return { isUsable: false, finding: problem("token", messageOf(error), fix) };
  }
}

interface Permission {
  readonly resource: "service" | "node" | "session" | "key";
  readonly segment: string;
  readonly access: "read" | "write";
  /** What it is good for, and what goes on without it. */
  readonly needed: string;
  readonly isEssential: boolean;
  readonly rule: string;
}

const LOCK = "needed for the leader's lock only (Marathon)";
/** Stands for the names of services, which nobody knows before they are there. */
const ANY_SERVICE = "muster-doctor";

function needed(
  { catalog, agents }: ConsulOptions,
  { cluster, node }: { readonly cluster: string; readonly node: string | null },
): readonly Permission[] {
  const services = 'service_prefix "" { policy = "write" }';
  const lock = `muster/${cluster}/leader`;
  const elsewhere = "instances on other hosts can't be registered";
  return [
    permission("service", ANY_SERVICE, "write", "only services that its policy names can be registered", services),
    permission("service", ANY_SERVICE, "read", "services that it may not read are not seen", services),
    ...(catalog
      ? [permission("node", `muster-${cluster}`, "write", elsewhere, 'node_prefix "" { policy = "write" }', true)]
      : []),
    ...(catalog || agents !== undefined
      ? [permission("node", `muster-${cluster}`, "read", elsewhere, 'node_prefix "" { policy = "read" }', true)]
      : []),
    permission("key", lock, "write", LOCK, `key "${lock}" { policy = "write" }`),
    ...(node === null ? [] : [permission("session", node, "write", LOCK, `session "${node}" { policy = "write" }`)]),
  ];
}

function permission(
  resource: Permission["resource"],
  segment: string,
  access: Permission["access"],
  purpose: string,
  rule: string,
  isEssential = false,
): Permission {
  return { resource, segment, access, needed: purpose, rule, isEssential };
}

/** What Consul's own pages ask for what they may show; 1.8.7 has it (measured). */
async function* permissions(
  client: ConsulClient,
  options: ConsulOptions,
  who: { readonly cluster: string; readonly node: string | null },
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const asked = needed(options, who);
  const body = asked.map(({ resource, segment, access }) => ({
    Resource: resource,
    Segment: segment,
    Access: access,
  }));
  try {
    const answer = await client.send({ method: "POST", path: "/v1/internal/acl/authorize", body }, "", signal);
    const allowed = parseAnswer(Authorizations, answer);
    for (const each of asked) yield permissionFinding(each, isAllowed(each, allowed));
  } catch (error) {
    signal.throwIfAborted();
    const fix = "look at the token's policies yourself: docs/consul.md has the rules";
    yield warning("permissions", `this Consul does not tell what a token may do: ${messageOf(error)}`, fix);
  }
}

function isAllowed({ resource, segment, access }: Permission, answers: v.InferOutput<typeof Authorizations>): boolean {
  return answers.some(
    ({ Resource, Segment, Access, Allow }) =>
      Allow && Resource === resource && Segment === segment && Access === access,
  );
}

function permissionFinding({ resource, segment, access, needed: purpose, rule, isEssential }: Permission, is: boolean) {
  const what = `${resource}:${access}`;
  const about = segment === ANY_SERVICE ? "any service" : segment;
  if (is) return ok(what, `allowed on ${about}`);
  const text = `not allowed on ${about}: ${purpose}`;
  const fix = `add to the token's policy: ${rule}`;
  return isEssential ? problem(what, text, fix) : warning(what, text, fix);
}
