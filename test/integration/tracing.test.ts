/**
 * Traces of a Muster of its own process, with OpenTelemetry's own exporter, at a collector that takes them, is away, or
 * does not answer.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Program, runProgram } from "../e2e/program.ts";
import { type FakeEngine, startFakeEngine } from "../fakes/docker-engine.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../fakes/otlp-receiver.ts";
import { freePorts } from "../lab/ports.ts";
import { until } from "../lab/wait.ts";

const SECRET = "hunter2hunter2";
/** A registry from elsewhere that says more in its error than it should. */
const LEAKY = `export default (_options, { name }) => ({
  name,
  project: (instance) => [{ key: instance.id, instance: instance.id, service: instance.service, task: instance.task,
    source: instance.source, endpoint: null, rank: 0, spec: {} }],
  list: async () => [],
  apply: async (changes) => changes.map(() => ({ ok: false, retry: false, ambiguous: false, error: "password=${SECRET}" })),
  async [Symbol.asyncDispose]() {},
});`;

let folder: string;
let engine: FakeEngine;
let collector: OtlpReceiver;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-tracing-"));
  [engine, collector] = await Promise.all([startFakeEngine(), startOtlpReceiver()]);
});
afterEach(async () => {
  await Promise.all([engine[Symbol.asyncDispose](), collector[Symbol.asyncDispose]()]);
  await rm(folder, { recursive: true, force: true });
});

async function start(env: Record<string, string>): Promise<Program> {
  const [port = 0] = await freePorts(1);
  await writeFile(join(folder, "leaky.mjs"), LEAKY);
  const config = join(folder, "muster.yaml");
  await writeFile(
    config,
    `
node: { id: n1, address: 10.0.0.1 }
sources: { docker: { host: "${engine.host}" } }
registries: { embedded: {}, leaky: { module: "${folder}/leaky.mjs" } }
audit: { path: "${folder}/audit.jsonl" }
`,
  );
  const program = runProgram(["-c", config], port, { OTEL_BSP_SCHEDULE_DELAY: "50", ...env });
  await program.ready();
  return program;
}

/** Starts a container and waits until it is registered in the one and refused by the other. */
async function change(program: Program): Promise<void> {
  engine.run({ labels: { "muster.name": "web", "muster.meta.password": SECRET }, env: [`PASSWORD=${SECRET}`] });
  await until(
    async () => {
      const { instances } = (await (await fetch(`${program.url}/v1/instances?service=web`)).json()) as {
        instances: { registries: Record<string, { state: string }> }[];
      };
      const [web] = instances;
      return web?.registries["embedded"]?.state === "registered" && web.registries["leaky"]?.state === "failed";
    },
    { timeoutMs: 10_000, everyMs: 20, what: "the instance" },
  );
}

describe("traces", () => {
  it("come as the variables say, with causes, writes and resource, and without a secret", async () => {
    const program = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_HEADERS: "x-tenant=blue",
      OTEL_SERVICE_NAME: "muster-test",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
    });
    await change(program);
    expect(await program.stop()).toBe(0);

    const named = (name: string) => collector.spans.filter((span) => span.name === name);
    const [root] = named("add instance");
    expect(root).toMatchObject({
      attributes: { "muster.service": "web", "muster.source": "docker", "muster.state": "ready" },
      status: { code: 2, message: "password=[redacted]" },
      resource: {
        ...{ "service.name": "muster-test", "service.instance.id": "n1", "muster.cluster": "default" },
        "deployment.environment.name": "test",
      },
    });
    expect(root?.parentSpanId).toBeUndefined();
    const children = collector.spans.filter(({ parentSpanId }) => parentSpanId === root?.spanId);
    expect(children.map(({ name }) => name).sort()).toEqual([
      ...["complete instance", "register embedded", "register leaky"],
    ]);
    expect(new Set(children.map(({ traceId }) => traceId))).toEqual(new Set([root?.traceId]));
    const [write] = named("register embedded");
    const [link] = write?.links ?? [];
    expect(named("reconcile embedded").map(({ spanId }) => spanId)).toContain(link?.spanId);
    expect(collector.requests[0]).toMatchObject({ path: "/v1/traces", headers: { "x-tenant": "blue" } });
    expect(collector.requests.map(({ body }) => body.toString()).join()).not.toContain(SECRET);
  });

  it("are protobuf by default, and only those that the sampler takes", async () => {
    const program = await start({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/elsewhere` });
    await change(program);
    await program.stop();
    expect(collector.requests[0]).toMatchObject({
      ...{ path: "/elsewhere", headers: { "content-type": "application/x-protobuf" } },
    });
    const bodies = Buffer.concat(collector.requests.map(({ body }) => body)).toString("latin1");
    expect(bodies).toContain("register embedded");
    expect(bodies).not.toContain(SECRET);

    const requests = collector.requests.length;
    const quiet = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER: "always_off" });
    await change(quiet);
    await quiet.stop();
    expect(collector.requests).toHaveLength(requests);
  });

  it("to a collector that never answers disturb nothing, and don't keep Muster from ending in order", async () => {
    collector.answer = "never";
    const program = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    await change(program);
    await until(() => collector.requests.length > 0, { timeoutMs: 5_000, what: "an export" });
    expect(await program.stop()).toBe(0);
  });

  it("to a collector that is away disturb nothing, and are told of in the log", async () => {
    const [closed = 0] = await freePorts(1);
    const program = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://me:topsecret@127.0.0.1:${closed}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: "500",
    });
    await change(program);
    await until(() => program.log.includes("traces can't be exported"), { timeoutMs: 10_000, what: "the line" });
    expect(await program.stop()).toBe(0);
    expect(program.log).not.toContain("topsecret");
  });
});
