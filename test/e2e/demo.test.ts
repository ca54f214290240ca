/** `npm run demo -- --once`, as a newcomer runs it: the build (test/build.ts), in a process of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { labAvailable } from "../lab/available.ts";
import { startConsul } from "../lab/consul.ts";
import { type Engine, startEngine } from "../lab/engine.ts";
import { tool } from "../lab/packages.ts";

const engine = await labAvailable("engine");
const consul = await labAvailable("consul");

describe.skipIf(engine.skip || consul.skip)("the demo on real servers", () => {
  it("starts its own where there are none, and ends with all equal", async () => {
    const { code, output } = await demo(["--once"], {
      DOCKER_HOST: "unix:///nowhere",
      CONSUL_HTTP_ADDR: "127.0.0.1:1",
    });

    expect(output).toContain("Equal: 4 containers are fit for traffic, and Consul has exactly these.");
    expect(output).toMatch(/Explore: Muster http:\S+ .*Consul http:\S+.*DOCKER_HOST=unix:/);
    expect(output).toMatch(/- demo-web-1 is gone from Consul, \d+ ms after kill/);
    expect(output).toMatch(/\+ web-1 is in Consul at 10\.0\.12\.\d+:31\d{3}, \d+ ms after TASK_RUNNING/);
    expect(output).toContain("Equal: after each of the 5 steps Consul had exactly what ran on the simulated Marathon");
    expect(output).not.toContain("\u001b");
    expect(code).toBe(0);
    const socket = /DOCKER_HOST=unix:\/\/(\S+)/.exec(output)?.[1] ?? "";
    expect(existsSync(socket)).toBe(false);
  });

  it("uses the servers that are there, and leaves nothing behind but what was there", async () => {
    await using theirs = await startEngine();
    await using agent = await startConsul();
    await theirs.docker(["run", "-d", "--name", "theirs", "--label", "demo.muster=false", "-p", "8080", "lab/web:v1"]);
    await agent.request({
      method: "PUT",
      path: "/v1/agent/service/register",
      body: { Name: "web", ID: "web-1", Port: 80 },
    });
    const images = await imagesOf(theirs);
    const services = await agent.request({ path: "/v1/agent/services" });

    const env = { DOCKER_HOST: `unix://${theirs.socket}`, CONSUL_HTTP_ADDR: agent.url };
    const { code, output } = await demo(["--once"], env);

    expect(output).toContain("Equal: 4 containers");
    expect(code).toBe(0);
    expect((await theirs.docker(["ps", "-a", "--format", "{{.Names}} {{.State}}"])).trim()).toBe("theirs running");
    expect(await imagesOf(theirs)).toEqual(images);
    expect(await agent.request({ path: "/v1/agent/services" })).toEqual(services);
    expect(await agent.request({ path: "/v1/session/list" })).toEqual([]);
    expect(await agent.request({ path: "/v1/kv/?keys" })).toEqual([]);
  });

  it("plays one act only, and cleans up when that is interrupted", async () => {
    await using agent = await startConsul();

    const { code, output } = await demo(
      ["--only", "marathon"],
      { CONSUL_HTTP_ADDR: agent.url },
      { interruptAt: "4/5" },
    );

    expect(output).not.toContain("DOCKER_HOST");
    // Whoever ends what should stay up has not failed.
    expect(code).toBe(0);
    expect(await agent.request({ path: "/v1/agent/services" })).toEqual({});
    expect(await agent.request({ path: "/v1/session/list" })).toEqual([]);
  });

  it("takes the embedded registry where there is no Consul, and says so", async () => {
    await using theirs = await startEngine();
    await theirs.docker(["tag", "lab/web:v1", "busybox:stable"]);
    const cli = await tool("docker");
    // Nothing but the CLI can be found there.
    const folder = await mkdtemp(join(tmpdir(), "muster-demo-test-"));
    await symlink(cli.path, join(folder, "docker"));

    const env = { ...cli.env, ...nothing, DOCKER_HOST: `unix://${theirs.socket}`, PATH: folder };
    const { code, output } = await demo(["--once"], env);
    await rm(folder, { recursive: true });

    expect(output).toContain("No Consul can be had: ");
    expect(output).toContain("Equal: 4 containers are fit for traffic, and the embedded registry has exactly these.");
    expect(code).toBe(0);
  });

  it("cleans up when it is interrupted in the middle", async () => {
    await using theirs = await startEngine();
    await using agent = await startConsul();

    const env = { DOCKER_HOST: `unix://${theirs.socket}`, CONSUL_HTTP_ADDR: agent.url };
    const { code } = await demo(["--once"], env, { interruptAt: "2/6" });

    expect(code).toBe(1);
    expect(await theirs.docker(["ps", "-aq"])).toBe("");
    expect(await agent.request({ path: "/v1/agent/services" })).toEqual({});
  });
});

describe("the demo where no server can be had", () => {
  it("plays the recorded trace and says so", async () => {
    const { code, output } = await demo(["--once"], { ...nothing, PATH: "/nowhere" });

    expect(output).toContain("No Docker engine can be had: ");
    expect(output).toContain("This is a recording, and no engine");
    expect(output).toContain("Equal: the embedded registry has the 4 containers that the trace ends with.");
    expect(output).toContain("Equal: after each of the 5 steps the embedded registry had exactly what ran");
    expect(code).toBe(0);
  });

  it("refuses an unknown option in one line, with exit code 2", async () => {
    const { code, errors } = await demo(["--twice"], {});

    expect(errors).toContain("--twice");
    expect(code).toBe(2);
  });
});

/** No server answers, and none can be fetched: a cache can't be below a file. */
const nothing = {
  DOCKER_HOST: "unix:///nowhere",
  CONSUL_HTTP_ADDR: "127.0.0.1:1",
  MUSTER_LAB_CACHE: fileURLToPath(new URL("../../package.json/cache", import.meta.url)),
};

async function imagesOf({ docker }: Engine): Promise<readonly string[]> {
  return (await docker(["images", "--no-trunc"]))
    .split("\n")
    .map((line) => line.split(/\s+/).slice(0, 3).join(" "))
    .toSorted();
}

interface Played {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

async function demo(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  { interruptAt }: { readonly interruptAt?: string } = {},
): Promise<Played> {
  const program = fileURLToPath(new URL("../../dist/demo/main.js", import.meta.url));
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (interruptAt !== undefined) {
    child.stdout.on("data", (chunk: Buffer) => {
      if (chunk.includes(interruptAt)) child.kill("SIGINT");
    });
  }
  const [[code], output, errors] = await Promise.all([
    once(child, "close") as Promise<[number | null]>,
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code, output, errors };
}
