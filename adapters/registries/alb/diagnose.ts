/**
 * What can be wrong with the way to the ELBv2 API: credentials, clock, groups, and each permission.
 */
import { DescribeTargetGroupsCommand } from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Finding } from "../../../src/model.ts";
import { clockFinding, look, ok, problem, warning } from "../../diagnosis.ts";
import { messageOf, RequestError } from "../../failure.ts";
import { AwsError, isDenied } from "./errors.ts";
import { readGroupRef } from "./group-ref.ts";
import type { Group, Groups } from "./groups.ts";
import { type AskParts, allowed, denied, HELP, makingGroups, rules, targets } from "./permissions.ts";
import type { Sender } from "./sender.ts";

export interface DiagnoseParts extends AskParts {
  readonly sender: Sender;
  readonly groups: Groups;
  /** For people. */
  readonly where: string;
  /** Names or ARNs of `targetGroups`. */
  readonly named: readonly string[];
  readonly discover: boolean;
  instanceId(signal: AbortSignal): Promise<string | null>;
  /** ms since the epoch. */
  now(): number;
}

/** Of more groups only so many are asked for. */
const MAX_GROUPS = 10;

export async function* diagnose(parts: DiagnoseParts, signal: AbortSignal): AsyncGenerator<Finding> {
  const { findings, isIn } = await enter(parts, signal);
  yield* findings;
  if (!isIn) return;
  const usable = yield* namedGroups(parts, signal);
  yield* discovered(parts, usable, signal);
  const types = [parts.makes, ...usable.values()].map((group) => group?.type);
  if (types.includes("instance")) yield await machine(parts, signal);
  for (const group of [...usable.values()].slice(0, MAX_GROUPS)) yield* targets(parts, group, signal);
  for (const listener of parts.listeners) yield* rules(parts, listener, signal);
  yield* makingGroups(parts, signal);
}

/** The first call: is AWS there, are the credentials good, and may they list groups? */
async function enter(
  { sender, where, now }: DiagnoseParts,
  signal: AbortSignal,
): Promise<{ readonly findings: readonly Finding[]; readonly isIn: boolean }> {
  const request = { began: now(), ended: 0 };
  let date = Number.NaN;
  try {
    await sender.call(
      "DescribeTargetGroups",
      (sdk) =>
        sdk.send(
          dated((seen) => (date = seen)),
          { abortSignal: signal },
        ),
      signal,
    );
    request.ended = now();
    const findings = [
      ok("reached", where),
      clockFinding(date, request, 1000),
      ok("credentials", "valid"),
      allowed("DescribeTargetGroups"),
    ];
    return { findings, isIn: true };
  } catch (error) {
    signal.throwIfAborted();
    request.ended = now();
    const clock = Number.isNaN(date) ? [] : [ok("reached", where), clockFinding(date, request, 1000)];
    return { findings: [...clock, entryFailure(error)], isIn: false };
  }
}

/** Middle-ware of this call alone: the SDK does not give headers. */
function dated(seen: (ms: number) => void): DescribeTargetGroupsCommand {
  const command = new DescribeTargetGroupsCommand({ PageSize: 1 });
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { headers = {} } = result.response as { readonly headers?: Readonly<Record<string, string>> };
      seen(Date.parse(headers["date"] ?? ""));
      return result;
    },
    { step: "deserialize", priority: "low", name: "dated" },
  );
  return command;
}

function entryFailure(error: unknown): Finding {
  const text = messageOf(error);
  if (isDenied(error)) return denied("DescribeTargetGroups", text);
  if (error instanceof AwsError) {
    return problem(
      "credentials",
      text,
      "give this machine a role, or valid AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    );
  }
  const isAnswered = error instanceof RequestError && error.status !== null;
  const isOurs = /credentials/.test(text);
  if (isOurs)
    return problem("credentials", text, "docs/alb.md, Permissions, says how a container gets its machine's role");
  const fix = isAnswered ? "is there a proxy in between?" : "is registries.alb.region right, and the way to AWS open?";
  return problem("reached", text, fix);
}

async function* namedGroups(
  { named, groups }: DiagnoseParts,
  signal: AbortSignal,
): AsyncGenerator<Finding, Map<string, Group>> {
  const usable = new Map<string, Group>();
  for (const ref of named.flatMap((text) => readGroupRef(text) ?? [])) {
    const what = `target group ${ref.name}`;
    const fix = "create it, or correct registries.alb.targetGroups";
    yield await look(
      what,
      fix,
      async () => {
        const found = await groups.find(ref.name, ref.arn, signal);
        if ("why" in found) return problem(what, found.why, fix);
        usable.set(ref.name, found);
        return ok(what, `its targets are of type ${found.type}`);
      },
      signal,
    );
  }
  return usable;
}

/** Adds the groups that are tagged with this cluster's name. */
async function* discovered(
  { discover, makes, elb, groups }: DiagnoseParts,
  usable: Map<string, Group>,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  if (!discover && makes === null) return;
  const what = "DescribeTags";
  try {
    const [first] = await elb.groups(signal);
    if (first !== undefined) await elb.tags([first.arn], signal);
    for (const group of await groups.all(signal)) usable.set(group.name, group);
    yield allowed(what);
  } catch (error) {
    signal.throwIfAborted();
    const fix = `allow elasticloadbalancing:${what} (${HELP}), or set registries.alb.discover: false`;
    yield warning(what, `only the groups in targetGroups are used: ${messageOf(error)}`, fix);
  }
  if (usable.size === 0 && makes === null) {
    const fix = "name groups in registries.alb.targetGroups, or tag them muster:cluster with this cluster's name";
    yield warning("target groups", "there is none that Muster may touch", fix);
  }
}

async function machine({ instanceId }: DiagnoseParts, signal: AbortSignal): Promise<Finding> {
  return await look(
    "instance id",
    "set registries.alb.instanceId, or allow the metadata service one hop more (docs/alb.md, Permissions)",
    async () => ok("instance id", (await instanceId(signal)) ?? "not needed: this Muster has no machine of its own"),
    signal,
  );
}
