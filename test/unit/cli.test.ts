import { EventEmitter } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { openAudit } from "../../src/audit.ts";
import { untilSignalled } from "../../src/commands/run.ts";
import type { Config } from "../../src/config.ts";
import { runMuster as muster } from "../cli.ts";
import { register, silent } from "./audit-fixture.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-cli-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function configFile(text: string): Promise<string> {
  const file = join(folder, "muster.yaml");
  await writeFile(file, text);
  return file;
}

describe("usage", () => {
  test("--version and --help are fine", async () => {
    expect(await muster(["--version"])).toEqual({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), err: "" });
    expect(await muster(["--help"])).toMatchObject({ code: 0, out: expect.stringContaining("Exit codes:"), err: "" });
    expect(await muster(["audit", "query", "--help"])).toMatchObject({
      code: 0,
      out: expect.stringContaining("--config"),
    });
  });

  test.each([
    [[]],
    [["bogus"]],
    [["run", "--bogus"]],
    [["audit"]],
    [["audit", "tail", "-n", "x"]],
    [["config", "check", "a", "b"]],
  ])("%j is a mistake of usage", async (args) => {
    const { code, out, err } = await muster(args);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).not.toBe("");
  });
});

describe("config check", () => {
  test("prints what the file amounts to; the file may be named in three ways", async () => {
    const file = await configFile("cluster: prod\n");
    const ways = [
      await muster(["config", "check", file]),
      await muster(["config", "check", "-c", file]),
      await muster(["-c", file, "config", "check"]),
      await muster(["config", "check"], { env: { MUSTER_CONFIG: file } }),
    ];
    for (const { code, out, err } of ways) {
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(parse(out)).toMatchObject({ cluster: "prod", policy: { resync: "60s" } });
    }
  });

  test("--json gives the same as JSON", async () => {
    const file = await configFile("cluster: prod\n");
    const json = JSON.parse((await muster(["config", "check", file, "--json"])).out) as object;
    expect(json).toEqual(parse((await muster(["config", "check", file])).out));
  });

  test("reports every problem on a line of its own", async () => {
    const file = await configFile("clustr: prod\nlog: { level: loud }\n");
    const { code, out, err } = await muster(["config", "check", file]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err.trimEnd().split("\n")).toEqual([
      `${file}:1: clustr: unknown key (did you mean "cluster"?)`,
      `${file}:2: log.level: expected trace, debug, info, warn, error or silent, got "loud"`,
    ]);
  });

  test("names a token file that can't be read", async () => {
    const file = await configFile(`http: { tokenFile: ${folder}/none }`);
    const { code, err } = await muster(["config", "check", file]);
    expect({ code, err }).toEqual({
      code: 2,
      err: `http.tokenFile: ${folder}/none: no such file; make it, or name another\n`,
    });
  });
});

describe("run", () => {
  test("gives the agent the configuration, and ends with it", async () => {
    let seen: Config | null = null;
    const runAgent = async (config: Config) => {
      seen = config;
    };
    expect(await muster(["run", "-c", await configFile("cluster: prod")], { runAgent })).toEqual({
      code: 0,
      out: "",
      err: "",
    });
    expect(seen).toMatchObject({ cluster: "prod" });
  });

  test("a failure to start is one line and exit code 1", async () => {
    const runAgent = () => Promise.reject(new Error("http: can't listen"));
    expect(await muster(["run"], { runAgent })).toEqual({ code: 1, out: "", err: "http: can't listen\n" });
  });

  test("does not start with a wrong configuration", async () => {
    const runAgent = vi.fn();
    expect((await muster(["run", "-c", await configFile("x: 1")], { runAgent })).code).toBe(2);
    expect(runAgent).not.toHaveBeenCalled();
  });
});

describe("signals", () => {
  /** Work that ends when told to, and what became of the process. */
  function scene(stopMs: number) {
    const signals = new EventEmitter();
    const exits: number[] = [];
    let finishWork = () => {};
    const work = new Promise<void>((resolve) => {
      finishWork = resolve;
    });
    let aborted: unknown = null;
    const done = untilSignalled(
      (signal) => {
        signal.addEventListener("abort", () => {
          aborted = signal.reason;
        });
        return work;
      },
      { signals, exit: (code) => exits.push(code), err: () => {}, stopMs },
    );
    return { signals, exits, finishWork, done, aborted: () => aborted };
  }

  test.each(["SIGTERM", "SIGINT"])("%s stops in order, and leaves no listener", async (name) => {
    const { signals, exits, finishWork, done, aborted } = scene(10_000);
    signals.emit(name);
    expect(aborted()).toMatchObject({ message: `${name} received` });
    finishWork();
    await done;
    expect(exits).toEqual([]);
    expect(signals.eventNames()).toEqual([]);
  });

  test("a second signal ends the process at once", async () => {
    const { signals, exits, finishWork, done } = scene(10_000);
    signals.emit("SIGTERM");
    signals.emit("SIGINT");
    expect(exits).toEqual([1]);
    finishWork();
    await done;
  });

  test("a stop that takes too long ends the process", async () => {
    const { signals, exits, finishWork, done } = scene(20);
    signals.emit("SIGTERM");
    await vi.waitFor(() => expect(exits).toEqual([1]));
    finishWork();
    await done;
  });
});

describe("audit", () => {
  async function log(): Promise<string> {
    const path = join(folder, "audit.jsonl");
    await using audit = await openAudit({ path, node: "n1", log: silent, now: () => Date.UTC(2026, 10, 20, 23) });
    await audit.append([
      register("web-1", { ms: 3 }),
      register("api-\u001b[2J1", {
        service: "api",
        registry: "kong",
        ok: false,
        error: "kong: 409 conflict",
        attempt: 3,
      }),
    ]);
    return path;
  }

  test("tail prints a line for each record, without control characters", async () => {
    const path = await log();
    const { code, out } = await muster(["audit", "tail", "-c", await configFile(`audit: { path: "${path}" }`)]);
    expect(code).toBe(0);
    expect(out.split("\n")).toEqual([
      "2026-11-20T23:00:00.000Z     1 consul register web-1 (web) ok 3 ms",
      "2026-11-20T23:00:00.000Z     2 kong register api-?[2J1 (api) FAILED attempt 3 - kong: 409 conflict",
      "",
    ]);
  });

  test.each([
    [["--failed"], [2]],
    [["--service", "web"], [1]],
    [["--registry", "kong"], [2]],
    [["--limit", "1"], [2]],
    [
      ["--since", "2h"],
      [1, 2],
    ],
    [["--since", "30m"], []],
    [
      ["--since", "2026-11-20T23:00:00Z"],
      [1, 2],
    ],
  ])("query %j", async (args, seqs) => {
    const { code, out } = await muster(["audit", "query", "--json", "--file", await log(), ...args]);
    const lines = out.split("\n").filter((line) => line !== "");
    expect(code).toBe(0);
    expect(lines.map((line) => JSON.parse(line).seq)).toEqual(seqs);
  });

  test("verify is 0 for a whole log and 1 for a changed one, naming the line", async () => {
    const path = await log();
    expect(await muster(["audit", "verify", path])).toEqual({
      code: 0,
      out: `${path}: 2 records, the chain is whole\n`,
      err: "",
    });
    const { readFile } = await import("node:fs/promises");
    await writeFile(path, (await readFile(path, "utf8")).replace("web-1", "web-2"));
    expect(await muster(["audit", "verify", path])).toMatchObject({
      code: 1,
      err: `${path}:1: changed: its content does not match its hash\n`,
    });
  });

  test.each([["tail"], ["query"], ["verify"]])("%s without a log is one line and exit code 1", async (command) => {
    const { code, err } = await muster([
      "audit",
      command,
      "-c",
      await configFile(`audit: { path: "${folder}/x/none" }`),
    ]);
    expect({ code, lines: err.split("\n").length }).toEqual({ code: 1, lines: 2 });
    expect(err).toContain("no audit log there");
  });

  test("a --since that is no time is a mistake of usage", async () => {
    for (const since of ["yesterday", "5", "2026"]) {
      expect((await muster(["audit", "query", "--since", since, "--file", await log()])).code).toBe(2);
    }
  });
});

describe("status", () => {
  let server: Server;
  let url: string;
  let authorization: string | undefined;
  const answers: Record<string, unknown> = {};
  beforeEach(async () => {
    Object.assign(answers, {
      "/v1/sources": { sources: [{ name: "docker", state: "disconnected", error: "socket gone" }] },
      "/v1/registries": { registries: [{ name: "consul", state: "synced", error: null }] },
      "/v1/instances": {
        instances: [
          {
            id: "i1",
            service: "web\u001b[2J",
            task: "t".repeat(64),
            node: "n",
            address: "fd00::1",
            port: 80,
            protocol: "udp",
            state: "ready",
            health: "none",
            missing: [],
            registries: { consul: { state: "failed", error: "consul: refused i1" } },
          },
          {
            id: "i2",
            service: "api",
            task: "t2",
            node: "n",
            address: null,
            port: null,
            protocol: "tcp",
            state: "pending",
            health: "unknown",
            missing: ["address", "port"],
            registries: {},
          },
        ],
      },
    });
    server = createServer((request, response) => {
      authorization = request.headers.authorization;
      const answer = answers[request.url ?? ""];
      response.statusCode = typeof answer === "number" ? answer : 200;
      response.end(typeof answer === "string" ? answer : JSON.stringify(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  test("shows sources, registries and instances", async () => {
    const { code, out } = await muster(["status", "--url", url]);
    expect(code).toBe(0);
    expect(out.split("\n")).toEqual([
      "KIND      NAME    STATE         ERROR",
      "source    docker  disconnected  socket gone",
      "registry  consul  synced",
      "",
      "SERVICE  ENDPOINT          STATE    HEALTH   TASK                      REGISTRIES     WAITS FOR",
      "api      ?:?               pending  unknown  t2                                       address,port",
      "web?[2J  [fd00::1]:80/udp  ready    none     tttttttttttttttttttttttt  consul=failed",
      "",
      "consul: i1: consul: refused i1",
      "",
    ]);
  });

  test("has colours on a terminal only, which take no room", async () => {
    const plain = (await muster(["status", "--url", url])).out;
    const coloured = (await muster(["status", "--url", url], { colours: true })).out;
    expect(plain).not.toContain("\u001b");
    expect(coloured).toContain("\u001b[32mready\u001b[39m");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
    expect(coloured.replace(/\u001b\[\d+m/g, "")).toBe(plain);
  });

  test("sums many instances up by service, and shows all that are asked for", async () => {
    const { instances } = answers["/v1/instances"] as { instances: readonly object[] };
    const many = Array.from({ length: 41 }, (_, index) => ({ ...instances[0], id: `i${index}`, service: "web" }));
    answers["/v1/instances"] = { instances: [...many, { ...instances[1] }] };
    const { out } = await muster(["status", "--url", url]);
    expect(out).toContain("SERVICE  READY  PENDING  DRAINING  FAILED  NODES\n");
    expect(out).toContain(
      "api      0      1        0         0       1\nweb      41     0        0         41      1\n",
    );
    expect(out).toContain("42 instances of 2 services; --service NAME or --all shows them\n");
    expect((await muster(["status", "--url", url, "--all"])).out.match(/^web /gm)?.length).toBe(41);
  });

  test("--json gives everything that was answered", async () => {
    const { out } = await muster(["status", "--json", "--url", url]);
    expect(JSON.parse(out)).toEqual(Object.assign({}, ...Object.values(answers)));
  });

  test("finds the address and the token in the configuration", async () => {
    await writeFile(join(folder, "token"), "hunter2\n");
    const file = await configFile(`http: { listen: "${url.slice(7)}", tokenFile: ${folder}/token }`);
    expect((await muster(["status", "-c", file])).code).toBe(0);
    expect(authorization).toBe("Bearer hunter2");
    answers["/v1/sources"] = 401;
    expect((await muster(["status", "-c", file])).err).toBe(
      `${url}: it refused our token; http.tokenFile must name the one that this Muster was started with\n`,
    );
  });

  test("an address may lack its scheme, as in http.listen; a service that is not there is named", async () => {
    expect((await muster(["status", "--url", url.slice(7)])).code).toBe(0);
    answers["/v1/instances?service=nosuch"] = { instances: [] };
    expect((await muster(["status", "--url", url, "--service", "nosuch"])).out).toContain("no instances of nosuch\n");
  });

  test.each([
    [401, /asks for a token; name the file that holds it as http\.tokenFile/],
    [500, /answered 500; is it a Muster\?/],
    ["<html>", /no JSON; is it a Muster\?/],
    [{ sources: 1 }, /is not a Muster's: sources\.sources/],
  ])("an answer of %j is one clear line", async (answer, message) => {
    answers["/v1/sources"] = answer;
    const { code, out, err } = await muster(["status", "--url", url]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(message);
    expect(err.trimEnd()).not.toContain("\n");
  });

  test("where nothing listens: one clear line", async () => {
    await new Promise((resolve) => server.close(resolve));
    const { code, err } = await muster(["status", "--url", url]);
    expect({ code, err }).toEqual({
      code: 1,
      err: `${url}: no Muster answers there (connection refused); start one with \`muster run\`, or name its address with --url\n`,
    });
  });

  test("an address that is none is a mistake of usage", async () => {
    expect(await muster(["status", "--url", "nowhere"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("--url: expected a URL"),
    });
  });
});
