/**
 * OpenTelemetry's SDK, set up by its own environment variables: sampler, limits, queue, endpoint, headers, certificates.
 * The queue is bounded (`OTEL_BSP_MAX_QUEUE_SIZE`, 2048 spans): what a collector that is away or slow does not take is lost.
 */
import { hostname } from "node:os";
import { type Attributes, DiagLogLevel, diag, type Tracer } from "@opentelemetry/api";
import { detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from "@opentelemetry/sdk-trace-base";
import type { Logger } from "../model.ts";
import { redactText } from "../redact.ts";
import { version } from "../version.ts";
import { type Connection, openConnection } from "./connection.ts";
import { createWatchedExporter } from "./exporter.ts";
import type { TracingOptions } from "./open.ts";
import type { Protocol } from "./settings.ts";

/** Disposing of it sends what is left, within a bound. */
export interface Provider extends AsyncDisposable {
  readonly tracer: Tracer;
}

/** For the last spans, ms: a stop takes at most 10 s in all (contract 5.1). */
const FLUSH_MS = 2_000;

/** Rejects if the exporter can't be set up. */
export async function openProvider(
  protocol: Protocol,
  { env, node, cluster, log }: TracingOptions,
  signal: AbortSignal,
): Promise<Provider> {
  tellDiagnostics(log);
  const connection = await openConnection(env);
  const exporter = createWatchedExporter(await createExporter(protocol, connection), log, signal);
  const own: Attributes = {
    "service.name": "muster",
    "service.version": version(),
    "service.instance.id": node.id,
    "host.name": hostname(),
    "muster.cluster": cluster,
  };
  // What the user says (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES) comes last, and so beats the defaults.
  const resource = resourceFromAttributes(own).merge(detectResources({ detectors: [envDetector] }));
  const provider = new BasicTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(exporter)] });
  return {
    tracer: provider.getTracer("muster", version()),
    async [Symbol.asyncDispose]() {
      const limit = setTimeout(exporter.abandon, FLUSH_MS);
      // A failure has been told by the exporter.
      await provider.shutdown().catch(() => {});
      clearTimeout(limit);
      connection.close();
    },
  };
}

async function createExporter(protocol: Protocol, { agent }: Connection): Promise<SpanExporter> {
  const { OTLPTraceExporter } =
    protocol === "http/json" ? await import("./json-exporter.ts") : await import("./protobuf-exporter.ts");
  return new OTLPTraceExporter({ httpAgentOptions: agent });
}

/** Between two lines of one kind, ms. */
const QUIET_MS = 60_000;

/** What the SDK has to say: variables that it can't use, spans that it dropped. */
function tellDiagnostics(log: Logger): void {
  const told = new Map<string, number>();
  const tell = (message: string) => {
    const kind = message.replace(/\d+/g, "#");
    // Failed exports come as JSON; the exporter tells these better.
    if (message.startsWith("{") || Date.now() - (told.get(kind) ?? 0) < QUIET_MS) return;
    told.set(kind, Date.now());
    log.warn({ problem: redactText(message) }, "opentelemetry");
  };
  const nothing = () => {};
  const logger = { error: tell, warn: tell, info: nothing, debug: nothing, verbose: nothing };
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}
