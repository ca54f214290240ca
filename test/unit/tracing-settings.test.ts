import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SpanExporter } from "@opentelemetry/sdk-trace-base";
import { describe, expect, it } from "vitest";
import { openConnection } from "../../src/telemetry/connection.ts";
import { createWatchedExporter } from "../../src/telemetry/exporter.ts";
import { openTracing } from "../../src/telemetry/open.ts";
import { tracingSettings } from "../../src/telemetry/settings.ts";
import { createMemoryLog } from "../watch-source.ts";

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };
const otlp = (protocol: string, endpoint = "http://collector:4318/") => ({ use: "otlp", protocol, endpoint });

describe("what OpenTelemetry's variables ask for", () => {
  it.each([
    ["nothing is set", {}, { use: "off" }],
    ["empty is as not set", { OTEL_EXPORTER_OTLP_ENDPOINT: " ", OTEL_TRACES_EXPORTER: "" }, { use: "off" }],
    ["only a name is set", { OTEL_SERVICE_NAME: "muster", OTEL_TRACES_SAMPLER: "always_on" }, { use: "off" }],
    ["an endpoint", ENDPOINT, otlp("http/protobuf")],
    ["one for traces", { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://c/x" }, otlp("http/protobuf", "https://c/x")],
    ["an exporter", { OTEL_TRACES_EXPORTER: "otlp" }, otlp("http/protobuf", "http://localhost:4318/")],
    ["JSON", { ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" }, otlp("http/json")],
    ["no exporter", { ...ENDPOINT, OTEL_TRACES_EXPORTER: "none" }, { use: "off" }],
    ["the SDK is disabled", { ...ENDPOINT, OTEL_SDK_DISABLED: "TRUE" }, { use: "off" }],
    ["the SDK is not disabled", { ...ENDPOINT, OTEL_SDK_DISABLED: "false" }, otlp("http/protobuf")],
  ])("%s", (_what, env, settings) => {
    expect(tracingSettings(env)).toEqual(settings);
  });

  it("what can't be used is named with its remedy, without what may be a secret", () => {
    const problem = (env: Record<string, string>) => {
      const settings = tracingSettings(env);
      return settings.use === "unusable" ? settings.problem : settings;
    };
    expect(problem({ ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" })).toBe(
      "OTEL_EXPORTER_OTLP_PROTOCOL: grpc is not known here; use http/protobuf or http/json (a collector takes both on port 4318)",
    );
    expect(problem({ OTEL_TRACES_EXPORTER: "console" })).toBe(
      "OTEL_TRACES_EXPORTER: console is not known here; use otlp or none",
    );
    expect(problem({ OTEL_EXPORTER_OTLP_ENDPOINT: "ftp://me:hunter2@collector" })).toBe(
      "OTEL_EXPORTER_OTLP_ENDPOINT: ftp://[redacted]@collector can't be used; expected an address like http://collector:4318",
    );
    const withKey = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://me:hunter2@collector:4318/?key=hunter2" };
    expect(tracingSettings(withKey)).toEqual(otlp("http/protobuf"));
  });

  it("is told in one line, and nothing is traced", async () => {
    const log = createMemoryLog();
    const options = { env: { OTEL_TRACES_EXPORTER: "zipkin" }, node: { id: "n1", address: "10.0.0.1" }, cluster: "c" };
    expect(await openTracing({ ...options, log }, new AbortController().signal)).toBeNull();
    expect(JSON.stringify(log)).toContain("zipkin is not known here");
  });
});

describe("the connection", () => {
  it("has the certificates that the variables name", async () => {
    const folder = await mkdtemp(join(tmpdir(), "muster-tracing-"));
    await writeFile(join(folder, "ca.pem"), "an authority");
    const { agent, close } = await openConnection({ OTEL_EXPORTER_OTLP_CERTIFICATE: join(folder, "ca.pem") });
    const optionsOf = (protocol: string) => (agent(protocol) as unknown as { options: object }).options;
    expect(optionsOf("https:")).toMatchObject({ ca: Buffer.from("an authority") });
    expect(optionsOf("http:")).not.toHaveProperty("ca");
    close();
    await rm(folder, { recursive: true });
  });

  it("with a file that is not there is none, and the variable is named", async () => {
    const log = createMemoryLog();
    const env = { ...ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY: "/nofile" };
    const options = { env, node: { id: "n1", address: "10.0.0.1" }, cluster: "c", log };
    expect(await openTracing(options, new AbortController().signal)).toBeNull();
    expect(JSON.stringify(log)).toMatch(/OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY: ENOENT: no such file/);
  });
});

describe("failed exports", () => {
  function failing(signal = new AbortController().signal) {
    const log = createMemoryLog();
    const pending: Parameters<SpanExporter["export"]>[1][] = [];
    const exporter = createWatchedExporter(
      { export: (_spans, done) => void pending.push(done), shutdown: async () => {} },
      log,
      signal,
    );
    const codes: number[] = [];
    const send = () => exporter.export([], ({ code }) => void codes.push(code));
    return { log, pending, exporter, codes, send, told: () => log.lines.map(({ message }) => message) };
  }

  it("are told of the first time and every tenth, and once it is over", () => {
    const { send, pending, told } = failing();
    for (let count = 0; count < 25; count++) {
      send();
      pending.pop()?.({ code: 1, error: new Error("away") });
    }
    expect(told()).toEqual(Array.from({ length: 3 }, () => "traces can't be exported"));
    send();
    pending.pop()?.({ code: 0 });
    expect(told().at(-1)).toBe("traces are exported again");
  });

  it("that are under way at the end are given up, and not told twice", () => {
    const { send, pending, exporter, codes, told } = failing();
    send();
    exporter.abandon();
    pending.pop()?.({ code: 0 });
    send();
    expect([codes, pending.length, told().length]).toEqual([[1, 1], 0, 1]);
  });

  it("are not tried again once Muster stops", () => {
    const stop = new AbortController();
    const { send, pending, codes } = failing(stop.signal);
    send();
    pending.pop()?.({ code: 1, error: new Error("away") });
    stop.abort();
    send();
    expect([codes, pending.length]).toEqual([[1, 1], 0]);
  });
});
