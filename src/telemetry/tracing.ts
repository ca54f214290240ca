/** Traces for an operator: of each change of an instance, with every write that it led to, and of each pass. */
import { type Context, type Link, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { type Clock, steadyClock } from "../clock.ts";
import type { Instance, Registry } from "../model.ts";
import type { Write } from "../report.ts";
import type { World } from "../world.ts";
import { createChangeTraces } from "./changes.ts";
import { type Batch, createPasses } from "./passes.ts";
import type { Provider } from "./provider.ts";
import { clean, entryOf, time, writeAttributes } from "./spans.ts";

/** Disposing of it ends all traces and sends what is left, within a bound. */
export interface Tracing extends AsyncDisposable {
  /** The same registry, of whose calls traces are made. */
  traced(registry: Registry): Registry;
  /** Follows a world for as long as it is used; of its instances those that `isShown`. */
  follow(world: World, isShown: (instance: Instance | null) => boolean): void;
  wrote(registry: string, writes: readonly Write[]): void;
}

export function createTracing(provider: Provider, clock: Pick<Clock, "now" | "after"> = steadyClock): Tracing {
  const { tracer } = provider;
  const passes = createPasses(tracer, clock);
  const changes = createChangeTraces(tracer, clock);

  /** A write is part of the change that led to it; what no change led to (drift, a first pass) of its pass alone. */
  function wrote(registry: string, write: Write): void {
    const { change, outcome, ms, drift } = write;
    const { instance } = entryOf(change);
    const batch = passes.batchOf(change) ?? untraced(ms);
    const own = instance === null || drift ? null : changes.contextOf(instance);
    const error = outcome.ok ? null : clean(outcome.error);
    const options = {
      kind: SpanKind.CLIENT,
      startTime: time(batch.began),
      attributes: writeAttributes(registry, write),
      links: own === null ? [] : linksTo(batch.context),
    };
    const span = tracer.startSpan(`${change.op} ${registry}`, options, own ?? batch.context);
    if (error !== null) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
    span.end(time(batch.ended));
    if (own !== null && instance !== null) changes.wrote(instance, registry, batch.ended, error);
  }

  /** A batch that was aborted on its way. */
  function untraced(ms: number): Batch {
    const ended = clock.now();
    return { context: ROOT_CONTEXT, began: ended - ms, ended };
  }

  return {
    traced: passes.traced,
    follow: changes.follow,
    wrote(registry, writes) {
      for (const write of writes) wrote(registry, write);
    },
    async [Symbol.asyncDispose]() {
      changes.close();
      await provider[Symbol.asyncDispose]();
    },
  };
}

function linksTo(pass: Context): Link[] {
  const context = trace.getSpanContext(pass);
  return context === undefined ? [] : [{ context }];
}
