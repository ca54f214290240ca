// A module of our own, since a bundled `import()` of a CommonJS package has no named exports (docs/decisions/013).
export { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
