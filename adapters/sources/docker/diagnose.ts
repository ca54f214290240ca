/** What can be wrong with an engine, its socket, and the proxy that may stand before it. */
import { constants, type Stats } from "node:fs";
import { access, stat } from "node:fs/promises";
import * as v from "valibot";
import type { AdapterContext, Finding } from "../../../src/model.ts";
import { clockFinding, isAtLeast, look, ok, problem, readVersion, warning } from "../../diagnosis.ts";
import { type Engine, openEngine } from "./client.ts";
import { EngineError } from "./errors.ts";
import { readInfo, readRows } from "./inspect.ts";
import { type DockerOptions, engineAddress } from "./options.ts";

/** Older engines are not tested. */
const OLDEST = [19, 3] as const;

/** The one thing that is written, and only where a label asks for it. */
const KILL = "POST /containers/{id}/kill";
const GATE = "muster.stop-gate";
const PROXY = "deploy/swarm/config/engine-proxy.cfg shows all that Muster needs";

const Services = v.fallback(
  v.array(v.object({ Spec: v.object({ Labels: v.fallback(v.record(v.string(), v.string()), {}) }) })),
  [],
);

const Version = v.object({
  ServerVersion: v.optional(v.string(), ""),
  Swarm: v.nullish(
    v.object({ LocalNodeState: v.optional(v.string(), ""), ControlAvailable: v.optional(v.boolean(), false) }),
  ),
});

export async function* diagnose(
  options: DockerOptions,
  context: AdapterContext,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const address = engineAddress(options);
  if ("socketPath" in address) {
    const finding = await socket(address.socketPath);
    yield finding;
    if (finding.level === "problem") return;
  }
  let engine: Engine;
  try {
    engine = await openEngine(options);
  } catch (error) {
    yield problem("tls", error instanceof Error ? error.message : String(error), "name files that can be read");
    return;
  }
  try {
    yield* ask(engine, options.host, context, signal);
  } finally {
    engine.close();
  }
}

/** Whoever may write to an engine's socket is root on its machine. */
async function socket(path: string): Promise<Finding> {
  let stats: Stats;
  try {
    stats = await stat(path);
  } catch {
    return problem("socket", `${path}: there is none`, "start the engine, or mount its socket into Muster's container");
  }
  const mode = (stats.mode & 0o777).toString(8).padStart(4, "0");
  if (!stats.isSocket())
    return problem("socket", `${path} is no socket`, "name the engine's socket as sources.docker.host");
  const isOpen = await access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!isOpen) {
    const fix = `let Muster's user belong to the socket's group (gid ${stats.gid}), or use a socket proxy`;
    return problem("socket", `${path} (mode ${mode}): permission denied`, fix);
  }
  if ((stats.mode & 0o002) === 0) return ok("socket", `${path} (mode ${mode})`);
  return warning("socket", `${path} (mode ${mode}): everybody on this machine may write to it`, `chmod o-rw ${path}`);
}

async function* ask(
  engine: Engine,
  host: string,
  { now, random }: AdapterContext,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const began = now();
  let info: unknown;
  try {
    info = await engine.info(signal);
  } catch (error) {
    signal.throwIfAborted();
    // The message has the hint already.
    const text = error instanceof Error ? error.message : String(error);
    yield problem("reached", text, "start the engine, or correct sources.docker.host");
    return;
  }
  const ended = now();
  yield ok("reached", host);
  yield* told(info, { began, ended });
  for (const [what, read] of reads(engine, signal)) yield await permission(what, read, signal);
  if (await hasGate(engine, signal)) yield await permission(KILL, () => killNobody(engine, random, signal), signal);
}

function* told(info: unknown, request: { readonly began: number; readonly ended: number }): Generator<Finding> {
  const { success, output } = v.safeParse(Version, info);
  const version = success ? output.ServerVersion : "";
  const numbers = readVersion(version);
  yield numbers !== null && !isAtLeast(numbers, OLDEST)
    ? warning("version", version, `Muster is tested with Docker ${OLDEST[0]}.0${OLDEST[1]} and later`)
    : ok("version", version === "" ? "not told" : version);
  try {
    const { time, swarmAddress } = readInfo(info);
    yield clockFinding(time === null ? Number.NaN : time * 1000, request, 0);
    if (!success || output.Swarm?.LocalNodeState !== "active") return;
    const role = output.Swarm.ControlAvailable ? "manager" : "worker";
    yield ok("swarm", `a ${role}${swarmAddress === null ? "" : `, known as ${swarmAddress}`}`);
  } catch (error) {
    yield problem("info", error instanceof Error ? error.message : String(error), "is that a Docker engine?");
  }
}

type Read = readonly [string, () => Promise<unknown>];

function reads(engine: Engine, signal: AbortSignal): readonly Read[] {
  return [
    ["GET /containers/json", () => engine.containers(signal)],
    ["GET /containers/{id}/json", () => inspectOne(engine, signal)],
    ["GET /networks", () => engine.networks(signal)],
    ["GET /events", () => openEvents(engine, signal)],
  ];
}

async function inspectOne(engine: Engine, signal: AbortSignal): Promise<void> {
  const [first] = readRows(await engine.containers(signal));
  try {
    await engine.inspect(first?.Id ?? "muster-doctor-asks-whether-it-may", signal);
  } catch (error) {
    // It is not there (any more), and we were allowed to ask.
    if (!(error instanceof EngineError && error.status === 404)) throw error;
  }
}

/** Whether a container here, or a service where this engine is a manager, has a stop gate (docs/alb.md). */
async function hasGate(engine: Engine, signal: AbortSignal): Promise<boolean> {
  // What can't be read is told already, or is a manager's only.
  const [rows, services] = await Promise.allSettled([engine.containers(signal), engine.services(signal)]);
  signal.throwIfAborted();
  const labels = [
    ...(rows.status === "fulfilled" ? readRows(rows.value).map(({ Labels }) => Labels) : []),
    ...(services.status === "fulfilled" ? v.parse(Services, services.value).map(({ Spec }) => Spec.Labels) : []),
  ];
  return labels.some((each) => Object.hasOwn(each, GATE));
}

/** No container has this id: nobody can know it before. */
async function killNobody(engine: Engine, random: () => number, signal: AbortSignal): Promise<void> {
  const id = Array.from({ length: 64 }, () => Math.floor(random() * 16).toString(16)).join("");
  try {
    await engine.kill(id, "SIGTERM", signal);
  } catch (error) {
    if (!(error instanceof EngineError && error.status === 404)) throw error;
  }
}

async function openEvents(engine: Engine, signal: AbortSignal): Promise<void> {
  const done = new AbortController();
  const stream = await engine.events(null, AbortSignal.any([signal, done.signal]));
  stream.on("error", () => undefined);
  done.abort(new Error("seen enough"));
  stream.destroy();
}

async function permission(what: string, read: () => Promise<unknown>, signal: AbortSignal): Promise<Finding> {
  const how = what === KILL ? "STOP_GATE=on for deploy/swarm's; docs/alb.md, Stop-signal gate" : PROXY;
  return await look(
    what,
    `allow ${what} in the socket proxy (${how})`,
    async () => {
      await read();
      return ok(what, "allowed");
    },
    signal,
  );
}
