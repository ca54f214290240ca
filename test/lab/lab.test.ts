import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { labAvailable } from "./available.ts";
import { type Consul, startConsul } from "./consul.ts";
import { engineApi } from "./docker-api.ts";
import { type Engine, startEngine } from "./engine.ts";
import { stateFolder } from "./folders.ts";
import { consulHost, dockerHost } from "./host.ts";
import { cgroupOf } from "./owner.ts";
import { until } from "./wait.ts";

const [engines, consuls] = [await labAvailable("engine"), await labAvailable("consul")];

afterEach(() => void vi.unstubAllEnvs());

describe("until", () => {
  it("gives the first value", async () => {
    const values = [undefined, false, "here"] as const;
    let next = 0;

    const found = await until(() => values[next++], { timeoutMs: 1000, everyMs: 1, what: "a value" });

    expect(found).toBe("here");
  });

  it("says what was awaited and what it saw last", async () => {
    const never = until(() => Promise.reject(new Error("refused")), { timeoutMs: 5, everyMs: 1, what: "web-1" });

    await expect(never).rejects.toThrow("waited 5 ms for web-1; last error: refused");
  });
});

describe.skipIf(engines.skip)(`engine ${engines.reason}`, { timeout: 60_000 }, () => {
  let engine: Engine;
  let configured: readonly string[];
  const configuration = (): Promise<readonly string[]> => readdir("/etc/docker").catch(() => []);
  beforeAll(async () => {
    configured = await configuration();
    engine = await startEngine();
  }, 60_000);
  afterAll(() => engine?.[Symbol.asyncDispose]());

  const get = (port: number, path: string): Promise<string> =>
    until(
      async () => {
        const signal = AbortSignal.timeout(1000); // the first packet is lost if the port is not quite published
        return await (await fetch(`http://${engine.address}:${port}${path}`, { signal })).text();
      },
      { timeoutMs: 10_000, what: `port ${port}` },
    );
  const status = (name: string): Promise<string> =>
    engine.docker(["inspect", "--format", "{{.State.Status}} {{with .State.Health}}{{.Status}}{{end}}", name]);

  it("publishes ports to the host", async () => {
    await engine.docker(["run", "--detach", "--publish", "8081:8080", "lab/web:v1"]);

    expect(await get(8081, "/version")).toBe("v1\n");
  });

  it("lets a test make a container sick", async () => {
    await engine.docker(["run", "--detach", "--name", "patient", "lab/web:hc"]);
    await until(async () => (await status("patient")).includes(" healthy"), { timeoutMs: 10_000, what: "health" });

    await engine.docker(["exec", "patient", "touch", "/tmp/sick"]);

    await until(async () => (await status("patient")).includes("unhealthy"), { timeoutMs: 10_000, what: "sickness" });
  });

  it("keeps containers over the death of the daemon", async () => {
    await engine.docker(["run", "--detach", "--name", "keeper", "--restart", "always", "lab/sleep:v1"]);

    await engine.killDaemon();
    await expect(engineApi(engine.socket, { path: "/_ping" })).rejects.toThrow();
    await engine.startDaemon();

    await until(async () => (await status("keeper")).startsWith("running"), { timeoutMs: 20_000, what: "keeper" });
  });

  it("comes back by itself after a crash, and a command that was cut off is run again", async () => {
    const id = () => engine.docker(["info", "--format", "{{.ID}}"]);
    const before = await id();
    const sleeping = engine.docker(["run", "--rm", "lab/sleep:v1", "sleep", "0.1"]);

    await engine.exec(["sh", "-c", "kill -ABRT $(cat /run/docker.pid)"]);

    expect(await id()).toBe(before);
    await expect(sleeping).resolves.toBeDefined();
    expect(await engine.log()).toContain("SIGABRT: abort");
  });

  it("keeps its data and its id over a power loss", async () => {
    const id = () => engine.docker(["info", "--format", "{{.ID}}"]);
    await engine.docker(["create", "--name", "frozen", "lab/sleep:v1"]);
    const before = await id();

    await engine.powerOff();
    await engine.boot();

    expect(await status("frozen")).toContain("created");
    expect(await id()).toBe(before);
  });

  it("has an id of its own, and writes nothing to this machine's /etc", async () => {
    await using other = await startEngine({ images: false });
    const ids = await Promise.all([engine, other].map((one) => one.docker(["info", "--format", "{{.ID}}"])));

    expect(new Set(ids).size).toBe(2);
    expect(await configuration()).toEqual(configured);
  });

  it("starts 50 containers at once", async () => {
    const names = Array.from({ length: 50 }, (_, index) => `burst-${index}`);
    const post = (path: string, body?: string): Promise<string> =>
      engineApi(engine.socket, { method: "POST", path, ...(body === undefined ? {} : { body }) });
    const image = JSON.stringify({ Image: "lab/sleep:v1", HostConfig: { NetworkMode: "host" } }); // twice as fast
    await Promise.all(names.map((name) => post(`/containers/create?name=${name}`, image)));

    await Promise.all(names.map((name) => post(`/containers/${name}/start`)));

    const running = await engine.docker(["ps", "--quiet", "--filter", "name=burst-"]);
    expect(running.trim().split("\n")).toHaveLength(50);
    await engine.docker(["rm", "--force", ...names]);
  });

  it("is a swarm of one", async () => {
    const publish = "mode=host,target=8080,published=9090";
    await engine.docker(["swarm", "init", "--advertise-addr", engine.address]);

    await engine.docker(["service", "create", "--detach", "--name", "web", "--publish", publish, "lab/web:v2"]);

    expect(await get(9090, "/version")).toBe("v2\n");
  });

  it("is a swarm of several, by overlay network", async () => {
    await using first = await startEngine();
    await using second = await startEngine();
    await first.docker(["swarm", "init", "--advertise-addr", first.address]);
    const token = (await first.docker(["swarm", "join-token", "--quiet", "worker"])).trim();
    await second.docker(["swarm", "join", "--token", token, `${first.address}:2377`]);
    await first.docker(["network", "create", "--driver", "overlay", "--attachable", "both"]);
    await first.docker(["run", "--detach", "--name", "there", "--network", "both", "lab/web:v1"]);

    const fetched = ["timeout", "10", "wget", "-q", "-O-", "http://there:8080/version"]; // its -T crashes
    const answer = await second.docker(["run", "--rm", "--network", "both", "lab/sleep:v1", ...fetched]);

    expect(answer).toBe("v1\n");
  });

  it("is taken by its address in DOCKER_HOST", async () => {
    vi.stubEnv("DOCKER_HOST", `unix://${engine.socket}`);

    await using chosen = await dockerHost();

    expect(chosen).toMatchObject({ ours: false, host: `unix://${engine.socket}` });
    expect(await chosen.docker(["info", "--format", "{{.Name}}"])).toBe(`${engine.name}\n`);
  });

  it("tidies up after processes that have died", async () => {
    const left = join(stateFolder(), "engines", "of-a-dead-process");
    await mkdir(left, { recursive: true });
    await writeFile(join(left, "owner"), "1 1");

    await using _ = await startEngine({ images: false });

    expect(existsSync(left)).toBe(false);
  });

  it("leaves nothing behind", async () => {
    const gone = await startEngine();
    await gone.docker(["run", "--detach", "lab/web:v1"]);
    const namespace = (await gone.exec(["readlink", "/proc/self/ns/net"])).trim();
    expect(await membersOf(namespace)).not.toHaveLength(0);

    await gone[Symbol.asyncDispose]();

    expect(await membersOf(namespace)).toHaveLength(0);
    expect(existsSync(dirname(gone.socket))).toBe(false);
    const groups = await readdir("/sys/fs/cgroup", { recursive: true });
    expect(groups.filter((path) => path.endsWith(cgroupOf(gone.name)))).toEqual([]);
    const links = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
    const own = links.filter(({ address }) => address.startsWith(gone.address.replace(/\d+$/, "")));
    expect(own).toHaveLength(1); // the network stays as long as the other engine uses it
  });
});

describe.skipIf(consuls.skip)(`consul ${consuls.reason}`, { timeout: 60_000 }, () => {
  const service = { method: "PUT", path: "/v1/agent/service/register", body: { ID: "web-1", Name: "web", Port: 80 } };
  const services = async (consul: Consul): Promise<string[]> =>
    Object.keys((await consul.request({ path: "/v1/agent/services" })) as object);

  it("forgets everything without a data directory", async () => {
    await using consul = await startConsul();
    await consul.request(service);

    await consul.kill();
    await expect(consul.request({ path: "/v1/agent/self" })).rejects.toThrow("ECONNREFUSED");
    await consul.start();

    expect(await services(consul)).toEqual([]);
  });

  it("remembers with a data directory, until it is wiped", async () => {
    await using consul = await startConsul({ dataDir: true });
    await consul.request(service);

    await consul.stop();
    await consul.start();
    expect(await services(consul)).toEqual(["web-1"]);

    await consul.wipe();
    await consul.start();
    expect(await services(consul)).toEqual([]);
  });

  it("is taken by its address in CONSUL_HTTP_ADDR", async () => {
    await using consul = await startConsul();
    vi.stubEnv("CONSUL_HTTP_ADDR", consul.url.replace("http://", ""));

    await using chosen = await consulHost();

    expect(chosen).toMatchObject({ ours: false, url: consul.url });
  });

  it("asks for tokens", async () => {
    await using consul = await startConsul({ acl: true });
    const token = await consul.makeToken('service "web" { policy = "write" }');

    await consul.request({ ...service, token });

    const other = consul.request({ ...service, body: { Name: "db" }, token });
    await expect(other).rejects.toThrow("403");
    expect(await services(consul)).toEqual(["web-1"]);
  });

  it("speaks TLS, and knows its clients", async () => {
    await using consul = await startConsul({ tls: "mutual" });

    await expect(fetch(`${consul.url}/v1/agent/self`)).rejects.toThrow();
    expect(await services(consul)).toEqual([]);
    expect(await readFile(consul.ca ?? "", "utf8")).toContain("BEGIN CERTIFICATE");
  });
});

/** The processes in a namespace, as the host sees them. */
async function membersOf(namespace: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const spaces = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/ns/net`).catch(() => "")));
  return pids.filter((_, index) => spaces[index] === namespace);
}
