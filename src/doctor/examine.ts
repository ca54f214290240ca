/**
 * `muster doctor`: looks at every configured system, each for itself and all at once. Nothing is written but the file that
 * tells whether the audit log's folder takes one.
 */
import type { Adapters, AgentParts, ScopeKind } from "../agent.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import type { AdapterContext, Finding, Logger, NodeIdentity, Registry, Source } from "../model.ts";
import { registryFallback, sourceFallback } from "./fallback.ts";
import { examineSelf } from "./self.ts";

/** What was found in one system. */
export interface Examination {
  /** e.g. `muster`, `docker`, `consul` */
  readonly system: string;
  readonly findings: readonly Finding[];
}

export interface DoctorOptions {
  readonly config: Config;
  readonly parts: Pick<AgentParts, "identify" | "load" | "sourceNames">;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** For one system, ms. */
  readonly timeout: number;
}

/** Yields one after the other, in a fixed order, as soon as all before it are done. Rejects with `signal.reason` on abort. */
export async function* examine(options: DoctorOptions, signal: AbortSignal): AsyncGenerator<Examination> {
  const { parts } = options;
  const self = await examineSelf(options, signal);
  yield { system: "muster", findings: self.findings };
  const kinds: readonly ScopeKind[] = ["node", "cluster"].filter(
    (kind): kind is ScopeKind => parts.sourceNames(kind as ScopeKind).length > 0,
  );
  const loaded: Adapters[] = [];
  try {
    for (const kind of kinds.length === 0 ? (["node"] as const) : kinds) {
      loaded.push(await parts.load(kind, contextFor(options, self.node)));
    }
  } catch (error) {
    signal.throwIfAborted();
    yield {
      system: "adapters",
      findings: [failure("loaded", error, "correct the configuration: muster config check")],
    };
    return;
  }
  try {
    for await (const each of inOrder(patients(loaded), options, signal)) yield each;
  } finally {
    await Promise.allSettled(loaded.flatMap(({ registries }) => registries.map((one) => one[Symbol.asyncDispose]())));
  }
}

function contextFor({ config, clock, random, log }: DoctorOptions, node: NodeIdentity) {
  return (name: string): AdapterContext => ({
    ...{ name, cluster: config.cluster, node, resync: config.policy.resync, readOnly: true },
    ...{ log, now: clock.now, random },
  });
}

interface Patient {
  readonly system: string;
  look(signal: AbortSignal): AsyncIterable<Finding>;
}

/** It lives in the memory of the Muster that runs: there is nothing to look at. */
const IN_MEMORY = "embedded";

/** Both scopes have the same registries, and of a swarm the same source. */
function patients(loaded: readonly Adapters[]): readonly Patient[] {
  const sources = new Map(loaded.flatMap(({ sources: own }) => own).map((one) => [one.name, one]));
  const outside = loaded.flatMap(({ registries: own }) => own).filter(({ name }) => name !== IN_MEMORY);
  const registries = new Map(outside.map((one) => [one.name, one]));
  return [...[...sources.values()].map(ofSource), ...[...registries.values()].map(ofRegistry)];
}

function ofSource(source: Source): Patient {
  return { system: source.name, look: (signal) => source.diagnose?.(signal) ?? sourceFallback(source, signal) };
}

function ofRegistry(registry: Registry): Patient {
  return { system: registry.name, look: (signal) => registry.diagnose?.(signal) ?? registryFallback(registry, signal) };
}

async function* inOrder(
  all: readonly Patient[],
  { clock, timeout }: DoctorOptions,
  signal: AbortSignal,
): AsyncGenerator<Examination> {
  const examinations = all.map((patient) => lookAt(patient, { clock, timeout }, signal));
  // Whoever awaits it hears of it.
  for (const each of examinations) each.catch(() => {});
  for (const each of examinations) yield await each;
}

async function lookAt(
  { system, look }: Patient,
  { clock, timeout }: Pick<DoctorOptions, "clock" | "timeout">,
  signal: AbortSignal,
): Promise<Examination> {
  const stop = new AbortController();
  const cancel = clock.after(timeout, () => stop.abort(new Error(`not done within ${timeout / 1000} s`)));
  const findings: Finding[] = [];
  try {
    for await (const finding of look(AbortSignal.any([signal, stop.signal]))) findings.push(finding);
  } catch (error) {
    signal.throwIfAborted();
    findings.push(failure("examined", error, "run muster doctor again, with a longer --timeout"));
  } finally {
    cancel();
  }
  return { system, findings };
}

function failure(what: string, error: unknown, fix: string): Finding {
  return { what, level: "problem", text: error instanceof Error ? error.message : String(error), fix };
}
