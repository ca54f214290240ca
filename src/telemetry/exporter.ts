/** An exporter of spans whose failures are told now and then, and disturb nobody. */
import type { SpanExporter } from "@opentelemetry/sdk-trace-base";
import type { Logger } from "../model.ts";
import { redactText } from "../redact.ts";

export interface WatchedExporter extends SpanExporter {
  /** Waits for no answer any more. */
  abandon(): void;
}

type Done = Parameters<SpanExporter["export"]>[1];

/** `ExportResultCode` of @opentelemetry/core. */
const [SUCCESS, FAILED] = [0, 1];
/** Of repeated failures every so manieth is told. */
const EVERY = 10;

/** @param signal once it aborts, what fails is not tried again: retries would keep the process from ending */
export function createWatchedExporter(exporter: SpanExporter, log: Logger, signal: AbortSignal): WatchedExporter {
  const waiting = new Set<Done>();
  let failures = 0;
  let lost = 0;
  let isAbandoned = false;

  return {
    export(spans, done) {
      if (isAbandoned || (signal.aborted && failures > 0)) {
        return done({ code: FAILED, error: new Error("stopping, and the collector is away") });
      }
      const once: Done = (result) => {
        if (!waiting.delete(once)) return;
        note(result, spans.length);
        done(result);
      };
      waiting.add(once);
      exporter.export(spans, once);
    },
    // The processor flushes by exporting; what the exporter itself still holds is not waited for.
    async forceFlush() {},
    async shutdown() {
      // It waits for requests under way, which may take their time.
      void exporter.shutdown().catch(() => {});
    },
    abandon() {
      isAbandoned = true;
      const error = new Error("the collector has not answered in time, and Muster stops");
      for (const done of [...waiting]) done({ code: FAILED, error });
    },
  };

  function note({ code, error }: Parameters<Done>[0], spans: number): void {
    if (code === SUCCESS) {
      if (failures > 0) log.info({ failures, lost }, "traces are exported again");
      failures = 0;
      lost = 0;
      return;
    }
    failures += 1;
    lost += spans;
    const fields = { error: redactText(error?.message || "the collector refuses them"), failures, lost };
    if (failures === 1 || failures % EVERY === 0) log.warn(fields, "traces can't be exported");
  }
}
