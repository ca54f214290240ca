/** Listens to a source and joins its facts with the real correlator, so that tests can look at the state of the world. */
import { createCorrelator, type TaskRecord } from "../src/correlate.ts";
import type { Fact, Logger, Source } from "../src/model.ts";
import { until } from "./lab/wait.ts";

export interface Watch extends AsyncDisposable {
  readonly facts: readonly Fact[];
  /** Completed listings. */
  syncs(): number;
  record(task: string): TaskRecord | null;
  /** Tasks that run, as joined from all facts. */
  running(): ReadonlySet<string>;
  /** Tasks that some fact was about. */
  tasks(): ReadonlySet<string>;
  notices(): readonly string[];
  /** Asks the source for another listing. */
  resync(): void;
  until(what: string, condition: () => boolean): Promise<void>;
  /** Pulls no more facts until `resume`. */
  pause(): void;
  resume(): void;
  /** Aborts, and waits for the end. Rejects if the source ends with an error. */
  stop(): Promise<void>;
}

export function watchSource(source: Source): Watch {
  const abort = new AbortController();
  const correlator = createCorrelator();
  const facts: Fact[] = [];
  const tasks = new Set<string>();
  let gate: Promise<void> | null = null;
  let open = () => {};
  const ended = listen();

  async function listen(): Promise<void> {
    for await (const fact of source.events(abort.signal)) {
      facts.push(fact);
      if ("task" in fact && fact.task !== null) tasks.add(fact.task);
      correlator.join(fact);
      if (gate !== null) await gate;
    }
    if (!abort.signal.aborted) throw new Error(`source ${source.name} ended by itself`);
  }
  // A failure is reported by `stop`; until then it must not end the process.
  ended.catch(() => undefined);

  async function stop(): Promise<void> {
    open();
    abort.abort(new Error("the test is over"));
    await ended;
  }

  return {
    facts,
    syncs: () => facts.filter(({ kind }) => kind === "synced").length,
    record: (task) => correlator.record(task),
    running: () => new Set([...tasks].filter((task) => correlator.record(task)?.status === "running")),
    tasks: () => tasks,
    notices: () => facts.flatMap((fact) => (fact.kind === "notice" ? [fact.message] : [])),
    resync: () => source.resync?.(),
    until: async (what, condition) => {
      await until(condition, { what, timeoutMs: 15_000, everyMs: 2 });
    },
    pause() {
      gate = new Promise((resolve) => {
        open = resolve;
      });
    },
    resume() {
      gate = null;
      open();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

export interface MemoryLog extends Logger {
  readonly lines: { readonly level: string; readonly fields: object; readonly message: string }[];
}

export function createMemoryLog(): MemoryLog {
  const lines: MemoryLog["lines"] = [];
  const at = (level: string) => (fields: object, message: string) => void lines.push({ level, fields, message });
  return { lines, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
