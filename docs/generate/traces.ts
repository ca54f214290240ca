/** docs/reference/traces.md: what is traced, and the environment variables that ask for it. */
import { code, page, section, table } from "./markdown.ts";

const INTRODUCTION = `Muster exports [OpenTelemetry](https://opentelemetry.io) traces where the usual environment variables ask for it, over HTTP (OTLP). Without them nothing of it is
even loaded. A collector that is away or slow disturbs nothing: the queue is bounded, what it does not take is lost, and the log says so now and then. An orderly stop sends what is left
within 2 s. Texts (facts, errors) are free of what looks like a secret, as those of the audit log are.`;

const VARIABLES: readonly (readonly [string, string])[] = [
  [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "The collector, e.g. `http://collector:4318`; `/v1/traces` is added. Setting it switches traces on.",
  ],
  ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "The same for traces alone, taken as it is; beats the one above."],
  [
    "OTEL_TRACES_EXPORTER",
    "`otlp` switches traces on (to `http://localhost:4318`, where no endpoint is named), `none` off.",
  ],
  ["OTEL_SDK_DISABLED", "`true` switches traces off."],
  ["OTEL_EXPORTER_OTLP_PROTOCOL, …_TRACES_PROTOCOL", "`http/protobuf` (the default) or `http/json`; there is no gRPC."],
  ["OTEL_EXPORTER_OTLP_HEADERS, …_TRACES_HEADERS", "e.g. `authorization=Bearer%20…`"],
  ["OTEL_EXPORTER_OTLP_TIMEOUT, …_TRACES_TIMEOUT", "For one export, ms. Default: 10000."],
  ["OTEL_EXPORTER_OTLP_COMPRESSION, …_TRACES_COMPRESSION", "`gzip` or `none` (the default)."],
  [
    "OTEL_EXPORTER_OTLP_CERTIFICATE, …_CLIENT_CERTIFICATE, …_CLIENT_KEY",
    "Files in PEM; with `TRACES_` after `OTLP_` for traces alone.",
  ],
  ["OTEL_SERVICE_NAME", "Default: `muster`."],
  [
    "OTEL_RESOURCE_ATTRIBUTES",
    "e.g. `deployment.environment.name=live`; beside `service.version`, `service.instance.id` (the node's id), `host.name` and `muster.cluster`.",
  ],
  ["OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG", "e.g. `traceidratio` and `0.1`. Default: `parentbased_always_on`."],
  [
    "OTEL_BSP_MAX_QUEUE_SIZE, OTEL_BSP_SCHEDULE_DELAY, …",
    "The queue: 2048 spans, sent every 5000 ms, at most 512 at once.",
  ],
];

const SPANS: readonly (readonly [string, string, string])[] = [
  [
    "add instance",
    "none",
    "An instance has come: from the first fact of it to the last write. Each fact is an event with its source; so is each change of state.",
  ],
  ["update instance", "none", "A ready instance has changed, its labels for one."],
  ["remove instance", "none", "An instance has ended, drains, or is not ready any more."],
  ["complete instance", "add instance", "From the first fact until all is known, it runs and is healthy."],
  [
    "register REGISTRY, update REGISTRY, deregister REGISTRY",
    "one of the above, else the pass",
    "A write to a registry, linked to its pass. What repairs drift, was there before Muster, or is a service's own (a route, an upstream) belongs to the pass alone.",
  ],
  ["reconcile REGISTRY", "none", "A pass over a registry."],
  [
    "list REGISTRY, apply REGISTRY",
    "reconcile REGISTRY",
    "The registry's full listing; the batch of all writes of the pass.",
  ],
];

const SPANS_NOTE = `All writes of one batch have its beginning and end. The trace of a change ends when nothing has come of it for 5 s, and after 5 minutes in any case; a later write
(a retry) still joins it. The next trace of the same instance is linked to it.`;

const ATTRIBUTES: readonly (readonly [string, string])[] = [
  ["muster.instance.id", "The instance, as in `GET /v1/instances`."],
  ["muster.service", "Its service."],
  ["muster.task", "The orchestrator's own id of its task."],
  ["muster.node", "The node that runs it."],
  ["muster.source", "Who knows it; of an event: who saw the fact."],
  ["muster.endpoint", "Address and port."],
  ["muster.state", "What became of it: `pending`, `ready`, `draining` or `gone`."],
  ["muster.missing", "What it waits, or waited, for."],
  ["muster.fact", "Of an event: the fact in words."],
  [
    "muster.outcome",
    "Of a change: `done`, `failed`, `incomplete` (after 5 minutes) or `gone` (before it was ready). Of a write: `ok`, `refused`, `failed` (tried again) or `unknown` (it may have been done nevertheless).",
  ],
  ["muster.registry", "The registry, as the configuration calls it."],
  ["muster.registry.key", "The entry, as the registry calls it."],
  ["muster.operation", "`register`, `update` or `deregister`."],
  ["muster.attempt", "1 for the first."],
  ["muster.drift", "It repairs what somebody else has changed."],
  ["muster.entries", "How many of ours were listed."],
  ["muster.writes", "How many changes there were in the pass."],
  ["muster.writes.failed", "How many of these failed."],
  ["error.type", "Of a failed write: its outcome. The span's status has the error itself."],
];

export function tracesPage(): string {
  const rows = (all: readonly (readonly string[])[]) => all.map(([name = "", ...rest]) => [listed(name), ...rest]);
  return page("Traces reference", INTRODUCTION, [
    section("Environment variables", table([["variable", "what"], ...rows(VARIABLES)])),
    section("Spans", table([["span", "below", "what"], ...rows(SPANS)]), SPANS_NOTE),
    section("Attributes", table([["attribute", "what"], ...rows(ATTRIBUTES)])),
  ]);
}

function listed(names: string): string {
  return names
    .split(", ")
    .map((name) => (name === "…" ? name : code(name)))
    .join(", ");
}
