/** What OpenTelemetry's environment variables ask for (opentelemetry.io, SDK configuration). Pure. */
import type { Environment } from "../config/environment.ts";
import { redactText } from "../redact.ts";

export type TracingSettings =
  | { readonly use: "off" }
  /** `problem`: one line that names the variable and the remedy. */
  | { readonly use: "unusable"; readonly problem: string }
  | {
      readonly use: "otlp";
      readonly protocol: Protocol;
      /** Where to, for people: without what could be a secret. */
      readonly endpoint: string;
    };

export type Protocol = (typeof PROTOCOLS)[number];

const PROTOCOLS = ["http/protobuf", "http/json"] as const;
const OFF: TracingSettings = { use: "off" };
/** What the specification says where no endpoint is named, but `OTEL_TRACES_EXPORTER=otlp` is. */
const DEFAULT_ENDPOINT = "http://localhost:4318";

/** Traces are exported where an endpoint is named, or `OTEL_TRACES_EXPORTER` asks for `otlp`. */
export function tracingSettings(env: Environment): TracingSettings {
  if (said(env, "OTEL_SDK_DISABLED")?.toLowerCase() === "true") return OFF;
  const exporters = said(env, "OTEL_TRACES_EXPORTER")
    ?.split(",")
    .map((name) => name.trim());
  const endpoint = firstSaid(env, ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"]);
  if (exporters === undefined && endpoint === null) return OFF;
  if (exporters?.includes("none")) return OFF;
  if (exporters !== undefined && !exporters.includes("otlp")) {
    return unusable(`OTEL_TRACES_EXPORTER: ${exporters.join(",")} is not known here; use otlp or none`);
  }
  return otlp(env, endpoint);
}

function otlp(env: Environment, endpoint: Said | null): TracingSettings {
  const protocol = firstSaid(env, ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]);
  const known = PROTOCOLS.find((name) => name === (protocol?.value ?? PROTOCOLS[0]));
  if (known === undefined) {
    const remedy = `use ${PROTOCOLS.join(" or ")} (a collector takes both on port 4318)`;
    return unusable(`${protocol?.name}: ${protocol?.value} is not known here; ${remedy}`);
  }
  if (endpoint !== null && !isHttp(endpoint.value)) {
    const remedy = "expected an address like http://collector:4318";
    return unusable(`${endpoint.name}: ${redactText(endpoint.value)} can't be used; ${remedy}`);
  }
  return { use: "otlp", protocol: known, endpoint: shown(endpoint?.value ?? DEFAULT_ENDPOINT) };
}

interface Said {
  readonly name: string;
  readonly value: string;
}

/** An empty variable is as none, as the specification has it. */
function said(env: Environment, name: string): string | undefined {
  return env[name]?.trim() || undefined;
}

/** The first of these variables that is set. */
export function firstSaid(env: Environment, names: readonly string[]): Said | null {
  for (const name of names) {
    const value = said(env, name);
    if (value !== undefined) return { name, value };
  }
  return null;
}

function isHttp(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

/** Credentials and keys are found in user info and queries. */
function shown(endpoint: string): string {
  const { origin, pathname } = new URL(endpoint);
  return `${origin}${pathname}`;
}

function unusable(problem: string): TracingSettings {
  return { use: "unusable", problem };
}
