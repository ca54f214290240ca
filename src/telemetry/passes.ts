/**
 * A trace for each pass over a registry: what it listed, and the batch that it wrote. Heard at the registry's own border,
 * so that the times are those of the registry.
 */
import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { Clock } from "../clock.ts";
import type { Change, Outcome, Registry } from "../model.ts";
import { delegated } from "../service-level.ts";
import { clean, time } from "./spans.ts";

export interface Passes {
  /** The same registry, of whose calls traces are made. */
  traced(registry: Registry): Registry;
  /** Of which pass a change was, and when it was written; null: of none. */
  batchOf(change: Change): Batch | null;
}

/** All changes of a batch have one time: a registry tells no more. */
export interface Batch {
  /** The pass. */
  readonly context: Context;
  /** ms since the epoch. */
  readonly began: number;
  readonly ended: number;
}

interface Pass {
  readonly span: Span;
  readonly context: Context;
}

export function createPasses(tracer: Tracer, clock: Pick<Clock, "now">): Passes {
  const batches = new WeakMap<Change, Batch>();

  function begin(registry: string): Pass {
    const attributes = { "muster.registry": registry };
    const span = tracer.startSpan(`reconcile ${registry}`, { attributes, startTime: time(clock.now()) }, ROOT_CONTEXT);
    return { span, context: trace.setSpan(ROOT_CONTEXT, span) };
  }

  /** A request of a pass, in a span of its own. */
  async function asked<T>(pass: Pass, name: string, work: () => Promise<T>, told: (answer: T) => Attributes) {
    const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, startTime: time(clock.now()) }, pass.context);
    try {
      const answer = await work();
      span.setAttributes(told(answer));
      span.end(time(clock.now()));
      return answer;
    } catch (error) {
      for (const each of [span, pass.span]) fail(each, error instanceof Error ? error.message : String(error));
      for (const each of [span, pass.span]) each.end(time(clock.now()));
      throw error;
    }
  }

  return {
    batchOf: (change) => batches.get(change) ?? null,
    traced(registry) {
      const { name } = registry;
      /** Has listed, and may be about to write. */
      let listed: Pass | null = null;

      async function list(signal: AbortSignal) {
        const pass = begin(name);
        const count = (entries: readonly unknown[]) => ({ "muster.entries": entries.length });
        const entries = await asked(pass, `list ${name}`, () => registry.list(signal), count);
        pass.span.setAttributes(count(entries));
        const ended = clock.now();
        listed = pass;
        // A pass goes on to its writes without waiting for anything else: what has not begun by then won't.
        setImmediate(() => {
          if (listed !== pass) return;
          listed = null;
          pass.span.end(time(ended));
        });
        return entries;
      }

      async function apply(changes: readonly Change[], signal: AbortSignal) {
        const pass = listed ?? begin(name);
        listed = null;
        const began = clock.now();
        const outcomes = await asked(pass, `apply ${name}`, () => registry.apply(changes, signal), counted);
        const ended = clock.now();
        for (const change of changes) batches.set(change, { context: pass.context, began, ended });
        pass.span.setAttributes(counted(outcomes));
        const error = outcomes.find((outcome) => !outcome.ok);
        if (error !== undefined && !error.ok) fail(pass.span, error.error);
        pass.span.end(time(ended));
        return outcomes;
      }

      return { ...delegated(registry), list, apply };
    },
  };
}

function counted(outcomes: readonly Outcome[]): Attributes {
  return { "muster.writes": outcomes.length, "muster.writes.failed": outcomes.filter(({ ok }) => !ok).length };
}

function fail(span: Span, message: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message: clean(message) });
}
