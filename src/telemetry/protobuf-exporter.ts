// As json-exporter.ts, and why.
export { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
