/** Starting, stopping and watching a whole Muster, with instances from a file and a real Consul. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { InstanceView } from "../../src/http/view.ts";
import { labAvailable } from "../lab/available.ts";
import { type Consul, startConsul } from "../lab/consul.ts";
import { until } from "../lab/wait.ts";
import { services } from "./fleet.ts";
import { startMuster } from "./muster.ts";

const { skip, reason } = await labAvailable("consul");

describe.skipIf(skip)(`a whole Muster ${reason}`, () => {
  let consul: Consul;
  let folder: string;
  let file: string;
  beforeEach(async () => {
    consul = await startConsul();
    folder = await mkdtemp(join(tmpdir(), "muster-life-"));
    file = join(folder, "instances.yaml");
    await write(["mesos", "marathon"]);
  });
  afterEach(async () => {
    await consul[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  function write(names: readonly string[]): Promise<void> {
    return writeFile(
      file,
      names.map((name, index) => `- { service: ${name}, address: 10.0.12.5, port: ${5050 + index} }\n`).join(""),
    );
  }

  function configuration(more = ""): string {
    return `node: { id: n1, address: 10.0.12.5 }
sources: { static: { file: ${file} } }
registries: { consul: { url: "${consul.url}" } }
${more}`;
  }

  async function names(): Promise<readonly string[]> {
    return (await services(consul)).map(({ Service }) => Service).sort((a, b) => (a < b ? -1 : 1));
  }

  it("keeps its registrations when it stops, so that an upgrade drops no traffic (rule 6)", async () => {
    {
      await using muster = await startMuster(configuration());
      await muster.ready();
      expect(await names()).toEqual(["marathon", "mesos"]);
    }
    expect(await names()).toEqual(["marathon", "mesos"]);
  });

  it("takes them away when the policy says so, and nobody else's (rule 6)", async () => {
    await consul.request({
      method: "PUT",
      path: "/v1/agent/service/register",
      body: { ID: "theirs", Name: "theirs", Port: 1 },
    });
    {
      await using muster = await startMuster(configuration("policy: { onExit: deregister }"));
      await muster.ready();
      expect(await names()).toEqual(["marathon", "mesos", "theirs"]);
    }
    expect(await names()).toEqual(["theirs"]);
  });

  it("keeps clusters and nodes apart on one Consul (rule 2)", async () => {
    await using one = await startMuster(configuration("cluster: one"));
    await one.ready();
    await using two = await startMuster(configuration("cluster: two"));
    await two.ready();
    expect(await names()).toEqual(["marathon", "marathon", "mesos", "mesos"]);

    await write(["mesos"]);
    await until(async () => (await names()).join() === "mesos,mesos", {
      timeoutMs: 10_000,
      what: "both to have followed the file",
    });
  });

  it("shows changes as they happen", async () => {
    await using muster = await startMuster(configuration());
    await muster.ready();
    const stop = new AbortController();
    const seen: InstanceView[] = [];
    const answer = await fetch(`${muster.url}/v1/events`, { signal: stop.signal });
    expect(answer.headers.get("content-type")).toContain("text/event-stream");
    const reading = collect(answer, seen).catch(() => {});

    await write(["mesos", "marathon", "chronos"]);
    await until(
      async () =>
        seen.some(({ service, registries }) => service === "chronos" && registries["consul"]?.state === "registered"),
      {
        timeoutMs: 10_000,
        what: "the registration to be told",
      },
    );
    await write(["mesos", "marathon"]);
    await until(async () => seen.some(({ service, state }) => service === "chronos" && state === "gone"), {
      timeoutMs: 10_000,
      what: "its end to be told",
    });
    stop.abort();
    await reading;
  });

  it("drains on demand and puts back", async () => {
    await using muster = await startMuster(configuration());
    await muster.ready();
    const drain = (undo: boolean) =>
      fetch(`${muster.url}/v1/drain`, {
        method: "POST",
        body: JSON.stringify({ service: "mesos", undo }),
        headers: { "content-type": "application/json" },
      });
    expect((await drain(false)).status).toBe(200);
    const isServed = async () =>
      ((await consul.request({ path: "/v1/health/service/mesos?passing" })) as readonly unknown[]).length === 1;
    await until(async () => !(await isServed()), { timeoutMs: 5_000, what: "mesos to be drained" });
    expect(await muster.instances("?service=mesos")).toMatchObject([{ state: "draining" }]);
    await drain(true);
    await until(isServed, { timeoutMs: 5_000, what: "mesos to be back" });
    const { records } = await muster.get<{ records: { action: string; registry: string | null }[] }>("/v1/audit");
    const asked = records.filter(({ action, registry }) => action === "drain" && registry === null);
    expect(asked).toHaveLength(2);
  });
});

async function collect(answer: Response, into: InstanceView[]): Promise<void> {
  let text = "";
  for await (const chunk of answer.body ?? []) {
    text += Buffer.from(chunk as Uint8Array).toString();
    const frames = text.split("\n\n");
    text = frames.pop() ?? "";
    for (const frame of frames) {
      if (frame.startsWith("event: instance\n"))
        into.push(JSON.parse(frame.slice(frame.indexOf("data: ") + 6)) as InstanceView);
    }
  }
}
