/** The Dockerfile, built for real and run as its first lines say, on a lab engine and a lab Consul. */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AuditRecord } from "../../src/audit/record.ts";
import { type AgentService, agentServices } from "../integration/consul-harness.ts";
import { labAvailable } from "../lab/available.ts";
import { type Consul, startConsul } from "../lab/consul.ts";
import { type Engine, startEngine } from "../lab/engine.ts";
import { importMuster } from "../lab/muster-image.ts";
import { until } from "../lab/wait.ts";

const lab = [await labAvailable("engine"), await labAvailable("consul")];
const reason = lab.map((each) => each.reason).find((text) => text !== "") ?? "";

/** Group of the engine's socket: one that nobody is in by accident, unlike root's. */
const SOCKET_GROUP = "2375";
const HARDENED = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];
const SOCKET = ["--volume", "/var/run/docker.sock:/var/run/docker.sock:ro"];
const AUDIT = ["--volume", "audit:/var/lib/muster"];
/** The image's own check, only sooner: the first one comes after one interval. */
const CHECKED_OFTEN = ["--health-interval", "500ms"];
/** Base image, `npm ci` and a build, with nothing in any cache, on two busy cores. */
const BUILD_MS = 300_000;
/** Of all but node itself: Muster's bundle, what V8 made of it, the C libraries. The code of all packages has 36 MB. */
const SIZE_BYTES = 25_000_000;

describe.skipIf(lab.some(({ skip }) => skip))(`image ${reason}`, () => {
  let engine: Engine;
  let consul: Consul;
  beforeAll(async () => {
    engine = await startEngine({ args: ["--group", SOCKET_GROUP] });
    consul = await startConsul({ alsoAt: engine.gateway });
    await importMuster([engine], "muster");
  }, BUILD_MS);
  afterAll(async () => {
    await consul?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
  });

  async function start(name: string, image: string, options: readonly string[]): Promise<void> {
    await engine.docker(["run", "--detach", "--name", name, ...options, image]);
  }
  /** Has node in the image print a value: there is nothing else in it that could. */
  function node(expression: string): Promise<string> {
    return engine.docker(["run", "--rm", "--entrypoint", "node", "muster", "-p", expression]);
  }
  /** What is in a folder of the image and the levels below it, relative to it; without what the kernel shows. */
  async function files(folder: string): Promise<readonly string[]> {
    const walk = `(function walk(at, depth) {
      if (depth > 4 || /^\\/(?:proc|sys|dev)/.test(at)) return [];
      return require("fs").readdirSync(at, { withFileTypes: true }).flatMap((one) => {
        const path = require("path").join(at, one.name);
        return [path, ...(one.isDirectory() ? walk(path, depth + 1) : [])];
      });
    })(${JSON.stringify(folder)}, 1).map((path) => require("path").relative(${JSON.stringify(folder)}, path)).join("\\n")`;
    return (await node(walk)).trim().split("\n");
  }
  /** Runs one Muster command in a container of its own that ends with it. */
  function muster(options: readonly string[], command: readonly string[]): Promise<string> {
    return engine.docker(["run", "--rm", ...HARDENED, ...options, "muster", ...command]);
  }
  async function state(name: string, field: string): Promise<string> {
    return (await engine.docker(["inspect", "--format", `{{.State.${field}}}`, name])).trim();
  }
  async function healthy(name: string): Promise<void> {
    const isHealthy = async () => (await state(name, "Health.Status")) === "healthy";
    await until(isHealthy, { timeoutMs: 30_000, what: `the health of ${name}` });
  }
  async function registered(count: number): Promise<readonly AgentService[]> {
    const whenAll = async () => {
      const services = Object.values(await agentServices(consul));
      return services.length >= count && services.toSorted((a, b) => a.Port - b.Port);
    };
    return await until(whenAll, { timeoutMs: 20_000, what: `${count} registrations` });
  }

  test("holds Muster, its production dependencies, and no more", async () => {
    const size = Number(await engine.docker(["image", "inspect", "--format", "{{.Size}}", "muster"]));
    const program = Number(await node("require('fs').statSync(process.execPath).size"));
    const paths = await files("/opt/muster");

    expect(size - program).toBeLessThan(SIZE_BYTES);
    const own = paths.filter((path) => /^[^/]+$/.test(path)).toSorted();
    expect(own).toEqual(["LICENSE", "dist", "node_modules", "package.json", "sbom.cdx.json"]);
    expect(paths).toContain("node_modules/hono");
    for (const tool of ["typescript", "vitest", "@biomejs/biome"]) expect(paths).not.toContain(`node_modules/${tool}`);
  });

  test("holds no shell and no other program than node and Muster", async () => {
    const paths = await files("/");
    const programs = paths.filter((path) => /^(?:usr\/)?(?:local\/)?s?bin\/./.test(path));
    expect(programs.toSorted()).toEqual(["usr/local/bin/muster", "usr/local/bin/node"]);
    expect(paths.filter((path) => /(?:^|\/)(?:ba|da|z)?sh$/.test(path))).toEqual([]);
  });

  test("tells what it is made of: every package that is there, with its hash", async () => {
    const bill = JSON.parse(await node("require('fs').readFileSync('/opt/muster/sbom.cdx.json', 'utf8')")) as {
      readonly bomFormat: string;
      readonly metadata: { readonly component: { readonly name: string } };
      readonly components: readonly { readonly name: string; readonly hashes?: readonly unknown[] }[];
    };
    expect([bill.bomFormat, bill.metadata.component.name]).toEqual(["CycloneDX", "muster"]);
    expect(bill.components.filter(({ hashes = [] }) => hashes.length === 0)).toEqual([]);
    const listed = new Set(bill.components.map(({ name }) => name));
    const found = (await files("/opt/muster")).flatMap((path) => {
      const [, name] = /^node_modules\/((?:@[^/]+\/)?[^/@.][^/]*)$/.exec(path) ?? [];
      return name ?? [];
    });
    expect(found.length).toBeGreaterThan(10);
    expect(found.filter((name) => !listed.has(name))).toEqual([]);
  });

  describe("without rights, on a read-only file system", () => {
    beforeAll(async () => {
      const url = consul.url.replace("127.0.0.1", engine.gateway);
      const network = ["--network", "host", "--env", `MUSTER_REGISTRIES__CONSUL__URL=${url}`];
      const wantsToBeRegistered = ["--label", "muster.name=muster", "--label", "muster.port=8590"];
      await start("muster", "muster", [
        ...[...HARDENED, ...SOCKET, "--group-add", SOCKET_GROUP, ...AUDIT],
        ...[...network, ...CHECKED_OFTEN, ...wantsToBeRegistered],
      ]);
      await start("first", "lab/web:v1", ["--publish", "18080:8080"]);
    });

    test("becomes healthy", async () => {
      await healthy("muster");
    });

    test("registers what its node runs, at the node's address, and never itself", async () => {
      await registered(1);
      await start("second", "lab/web:v2", ["--publish", "18081:8080"]); // by now it would have registered itself

      const services = await registered(2);

      expect(services.map(({ Service, Address, Port }) => `${Service} ${Address}:${Port}`)).toEqual([
        `web ${engine.address}:18080`,
        `web ${engine.address}:18081`,
      ]);
    });

    test("is process 1 and not root", async () => {
      const script = `const { readFileSync, readlinkSync } = require("node:fs");
        console.log(readlinkSync("/proc/1/exe"), /^Uid:.*/m.exec(readFileSync("/proc/1/status", "utf8"))[0]);`;

      const found = await engine.docker(["exec", "muster", "node", "-e", script]);

      expect(found.trim().split(/\s+/)).toEqual([
        "/usr/local/bin/node",
        "Uid:",
        ..."65532 ".repeat(4).trim().split(" "),
      ]);
    });

    test("stops in order, and leaves its registrations and a whole audit log", async () => {
      await engine.docker(["stop", "muster"]);

      expect(await state("muster", "ExitCode")).toBe("0"); // 137: did not hear the signal
      expect(await registered(0)).toHaveLength(2);
      expect(await muster(AUDIT, ["audit", "verify"])).toMatch(/: \d+ records, the chain is whole\n$/);
      const lines = (await muster(AUDIT, ["audit", "query", "--json"])).trim().split("\n");
      const records = lines.map((line) => JSON.parse(line) as AuditRecord);
      const writes = records.filter(({ registry, action }) => registry === "consul" && action === "register");
      expect(writes.map(({ ok }) => ok)).toEqual([true, true]);
      expect(records.filter(({ action }) => action === "stop")).toHaveLength(1);
    });
  });

  test("says what is missing when it may not use the socket, and lives on", async () => {
    await start("outsider", "muster", [...HARDENED, ...SOCKET, ...CHECKED_OFTEN]);
    await healthy("outsider");

    const log = ["sh", "-c", 'docker --host "unix://$0" logs outsider 2>&1', engine.socket];
    const complaint = /permission denied – does Muster's user belong to the group of the socket/;
    await until(async () => complaint.test(await engine.exec(log)), { timeoutMs: 20_000, what: "a complaint" });
  });

  test.each(["file", "variable"])("its health check asks where http.listen is, by %s", async (by) => {
    const folder = await mkdtemp(join(tmpdir(), "muster-image-"));
    try {
      await chmod(folder, 0o755); // Muster is not root
      await writeFile(join(folder, "muster.yaml"), "http: { listen: 127.0.0.1:18591 }\nsources: { static: {} }\n");
      const settings = {
        file: ["--volume", `${folder}:/etc/muster:ro`, "--env", "MUSTER_CONFIG=/etc/muster/muster.yaml"],
        variable: ["--env", "MUSTER_HTTP__LISTEN=127.0.0.1:18591"],
      }[by];
      await start(`by-${by}`, "muster", [...HARDENED, ...CHECKED_OFTEN, ...(settings ?? [])]);

      await healthy(`by-${by}`);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
