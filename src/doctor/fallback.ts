/** For adapters that offer no diagnosis of their own: whether they can read what they have to read. */
import type { Finding, Registry, Source } from "../model.ts";

/** Listens until the first listing is complete, or the source says that it is disconnected. */
export async function* sourceFallback(source: Source, signal: AbortSignal): AsyncGenerator<Finding> {
  const done = new AbortController();
  const tasks = new Set<string>();
  try {
    for await (const fact of source.events(AbortSignal.any([signal, done.signal]))) {
      if (fact.kind === "assigned") tasks.add(fact.task);
      if (fact.kind === "notice") yield warning("notice", fact.message, "correct what it names");
      if (fact.kind === "source" && fact.state === "disconnected") {
        yield problem(fact.error ?? "it is disconnected", "make what it names reachable");
        return;
      }
      if (fact.kind === "synced") {
        yield { what: "listed", level: "ok", text: `${tasks.size} tasks`, fix: null };
        return;
      }
    }
    signal.throwIfAborted();
    yield problem("it ended by itself", "look at the log of muster run");
  } finally {
    done.abort(new Error("seen enough"));
  }
}

export async function* registryFallback(registry: Registry, signal: AbortSignal): AsyncGenerator<Finding> {
  try {
    const entries = await registry.list(signal);
    yield { what: "listed", level: "ok", text: `${entries.length} entries of ours`, fix: null };
  } catch (error) {
    signal.throwIfAborted();
    yield problem(error instanceof Error ? error.message : String(error), "make what it names reachable");
  }
}

function problem(text: string, fix: string): Finding {
  return { what: "listed", level: "problem", text, fix };
}

function warning(what: string, text: string, fix: string): Finding {
  return { what, level: "warning", text, fix };
}
