/** One run: the lab, then round after round of faults, each ended by the comparison. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createRandom } from "../lab/marathon/random.ts";
import { brokenAudits, writesIn } from "./audits.ts";
import { type Comparison, compare, Unequal } from "./compare.ts";
import { describeDeed, describeFault, kindOf } from "./fault.ts";
import { type Inflicting, inflict } from "./inflict.ts";
import { createOperator } from "./operate.ts";
import { type PlannedDeed, type PlannedFault, planOf, type Round } from "./plan.ts";
import { comparisonText, lineOf, type Summary } from "./report.ts";
import { type Stage, startStage } from "./stage.ts";
import { plantInConsul, plantStrangers } from "./strangers.ts";
import { startDeadEngines } from "./supervise.ts";
import { startWatch } from "./watch.ts";

export interface RunOptions {
  readonly seed: number;
  /** The built `main.js`. */
  readonly program: string;
  /** No round begins later than this, ms from when the lab is up. */
  readonly forMs: number;
  /** See {@link planOf}. */
  readonly roundMs?: number;
  /** At most so many rounds. @default as many as fit */
  readonly rounds?: number;
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Runs until the time is up or something is broken. Throws only if the lab does not start, or `signal` aborts. */
export async function runChaos(options: RunOptions): Promise<Summary> {
  const { seed, signal, print, forMs, roundMs, rounds = Number.POSITIVE_INFINITY } = options;
  const began = performance.now();
  const clock = () => performance.now() - began;
  const tell = (what: string, text: string) => print(lineOf(clock(), what, text));
  const folder = await mkdtemp(join(tmpdir(), "muster-chaos-"));
  const violations: string[] = [];
  const violate = (what: string) => {
    violations.push(what);
    tell("BROKEN", what);
  };
  const random = createRandom(seed ^ 0x5eed).next;
  const count = { faults: {} as Record<string, number>, deeds: {} as Record<string, number> };
  const comparisons: Comparison[] = [];
  let writes = {};

  const isOver = (number: number, until: number) => number > rounds || clock() > until || violations.length > 0;

  async function all(stage: Stage): Promise<void> {
    plantStrangers(stage);
    await plantInConsul(stage);
    tell("lab", `${stage.places.length} nodes, Consul, Kong, Vulcand and ALB, a Muster per node: ready`);
    await using watch = await startWatch({ stage, onViolation: violate, clock });
    const operator = createOperator(stage, signal);
    const until = clock() + forMs;
    for (const round of planOf({ seed, nodes: stage.places.length, ...(roundMs !== undefined && { roundMs }) })) {
      if (isOver(round.number, until)) break;
      tell("round", `${round.number}`);
      await play(round, { stage, watch, operator, random });
      const onSilence = async () => {
        for (const node of await startDeadEngines(stage.places))
          tell("start", `node ${node}: its engine had ended by itself`);
      };
      const comparison = await compare({ stage, onSilence, signal });
      comparisons.push(comparison);
      tell("equal", comparisonText(comparison));
      for (const broken of await brokenAudits(stage.places)) violate(broken);
    }
  }

  async function play({ faults, deeds }: Round, on: Inflicting): Promise<void> {
    const start = clock();
    const until = (at: number) => delay(Math.max(0, start + at - clock()), undefined, { signal });
    const doing = deeds.map(async ({ at, deed }: PlannedDeed) => {
      await until(at);
      if (!(await on.operator.act(deed))) return;
      add(count.deeds, deed.kind);
      tell("deed", describeDeed(deed));
    });
    const failing = faults.map(async (planned: PlannedFault) => {
      const text = describeFault(planned.fault);
      await until(planned.at);
      tell("fault", text);
      add(count.faults, kindOf(planned.fault));
      const { heal, detail } = await inflict(planned.fault, on);
      await until(planned.until);
      await heal();
      tell("heal", detail === undefined ? text : `${text} (${detail})`);
    });
    const failed = (await Promise.allSettled([...doing, ...failing])).find((one) => one.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  const stage = await startStage({ program: options.program, folder, random, onFault: violate }).catch(
    (cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`the lab did not start: ${why}; logs are in ${folder}`, { cause });
    },
  );
  try {
    await all(stage).catch(async (error: unknown) => {
      signal.throwIfAborted();
      violate(error instanceof Error ? error.message : String(error));
      await keepEvidence(stage, folder, error);
    });
    for (const { muster } of stage.places) await muster.stop("SIGTERM");
    for (const broken of await brokenAudits(stage.places)) violate(broken);
    writes = await writesIn(stage.places);
  } finally {
    try {
      await stage[Symbol.asyncDispose]();
    } finally {
      if (violations.length === 0) await rm(folder, { recursive: true, force: true });
    }
  }
  const kept = violations.length === 0 ? null : folder;
  return { seed, ms: Math.round(clock()), ...count, comparisons, writes, violations, kept };
}

function add(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

/** What each Muster says of itself, and all that differs. */
async function keepEvidence({ places }: Stage, folder: string, error: unknown): Promise<void> {
  const differences = error instanceof Unequal ? error.differences : [];
  await writeFile(join(folder, "differences.json"), JSON.stringify(differences, undefined, 2));
  for (const { muster } of places) {
    await mkdir(muster.folder, { recursive: true });
    for (const what of ["instances", "registries", "sources"]) {
      const text = await fetch(`${muster.url}/v1/${what}`, { signal: AbortSignal.timeout(5000) })
        .then((answer) => answer.text())
        .catch((cause: unknown) => String(cause));
      await writeFile(join(muster.folder, `${what}.json`), text);
    }
  }
}
