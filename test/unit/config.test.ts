import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config.ts";
import { configOf, parse, problemsOf, schemas } from "./config-fixture.ts";

describe("defaults", () => {
  test("without a file: the local engine, an embedded registry, and every key has a value", () => {
    const { effective: _, ...config } = configOf("");
    expect(config).toEqual({
      cluster: "default",
      node: { id: null, address: null },
      sources: { docker: { host: "unix:///var/run/docker.sock", expose: "published" } },
      registries: { embedded: {} },
      policy: {
        mode: "sync",
        resync: 60_000,
        probation: 60_000,
        massDelete: { max: 10, percent: 50 },
        onExit: "keep",
        reapAfter: 300_000,
        dryRun: false,
        claims: [],
      },
      audit: { path: "muster-audit.jsonl", maxBytes: 67_108_864, keep: 10 },
      http: { listen: { host: "127.0.0.1", port: 8590 }, tokenFile: null },
      log: { level: "info" },
    });
  });

  test.each([
    "policy:\n",
    "policy:\n  massDelete:\n",
    "policy: { resync: }",
    "# nothing\n",
    "sources:\nregistries: {}\n",
  ])("an empty section is not given: %j", (text) => expect(configOf(text)).toEqual(configOf("")));
});

describe("which adapters are on", () => {
  const on = (text: string, env: Record<string, string> = {}) => {
    const { sources, registries } = configOf(text, env);
    return [Object.keys(sources), Object.keys(registries)];
  };

  test.each([
    ["sources: { static: {} }", {}, [["static"], ["embedded"]]],
    ["sources: { static: , docker: true }", {}, [["static", "docker"], ["embedded"]]],
    ["sources: { static: {}, docker: false }", {}, [["static"], ["embedded"]]],
    ["registries: { consul: {} }", {}, [["docker"], ["embedded", "consul"]]],
    ["registries: { consul: , embedded: false }", {}, [["docker"], ["consul"]]],
    ["", { MUSTER_REGISTRIES__CONSUL__URL: "http://c:8500" }, [["docker"], ["embedded", "consul"]]],
    [
      "registries: { consul: false }",
      { MUSTER_REGISTRIES__CONSUL__URL: "http://c:8500" },
      [["docker"], ["embedded", "consul"]],
    ],
    ["", { MUSTER_REGISTRIES__EMBEDDED: "false" }, [["docker"], []]],
    ["", { MUSTER_SOURCES__REPLAY__FILE: "t.jsonl" }, [["replay"], ["embedded"]]],
    ["", { MUSTER_SOURCES__DOCKER: "{}" }, [["docker"], ["embedded"]]],
    ["", { CONSUL_HTTP_ADDR: "c:8500", DOCKER_HOST: "tcp://d:2375" }, [["docker"], ["embedded"]]],
    ["registries: { mine: { module: ./mine.js, anything: [1] } }", {}, [["docker"], ["embedded", "mine"]]],
  ])("%j %j", (text, env, expected) => expect(on(text, env as unknown as Record<string, string>)).toEqual(expected));

  test("one's own adapter gets its options as they are", () => {
    const { mine } = configOf("registries: { mine: { module: ./mine.js, a: { b: null } } }").registries;
    expect(mine).toEqual({ module: "./mine.js", a: { b: null } });
  });
});

describe("problems", () => {
  test("are reported all at once, one line each, with the line of the file", () => {
    const text = [
      "clustr: a",
      "policy:",
      "  mode: both",
      "  mass-delete: { max: 1 }",
      "  massDelete:",
      "    percent: 101",
      "sources:",
      "  docker: { hots: x }",
      "  static:",
      "    instances:",
      "      - { service: web, port: 1 }",
      "      - { servce: web, port: http }",
      "  swarm: {}",
      "  replay: {}",
      "registries:",
      "  consul: nope",
      "  kongg: {}",
      "http:",
      "  listen: localhost",
    ].join("\n");
    expect(problemsOf(text)).toEqual([
      'muster.yaml:1: clustr: unknown key (did you mean "cluster"?)',
      'muster.yaml:4: policy.mass-delete: unknown key (did you mean "massDelete"?)',
      'muster.yaml:8: sources.docker.hots: unknown key (did you mean "host"?)',
      'muster.yaml:12: sources.static.instances.1.servce: unknown key (did you mean "service"?)',
      "muster.yaml:12: sources.static.instances.1.service: required, but not given",
      'muster.yaml:12: sources.static.instances.1.port: expected number, got "http"',
      "muster.yaml:13: sources.swarm: not available in this version of Muster",
      "muster.yaml:14: sources.replay.file: required, but not given",
      'muster.yaml:16: registries.consul: expected a section with its options, true or false, got "nope"',
      'muster.yaml:17: registries.kongg: unknown adapter (did you mean "kong"?); known: embedded, consul, kong, vulcand, alb; one of your own needs `module`',
      'muster.yaml:3: policy.mode: expected sync or upsert-only, got "both"',
      "muster.yaml:6: policy.massDelete.percent: expected a whole number from 0 to 100, got 101",
      'muster.yaml:19: http.listen: expected HOST:PORT such as 127.0.0.1:8590 or [::1]:8590, got "localhost"',
    ]);
  });

  test.each([
    ["{", "muster.yaml:1: "],
    ["a: 1\na: 2", "muster.yaml:2: Map keys must be unique"],
    ["- a", "muster.yaml:1: expected keys such as `registries:` at the top level"],
    ["sources: { docker: false }", "muster.yaml:1: sources: none is on"],
    ["sources: [docker]", "muster.yaml:1: sources: expected a section with the names of adapters"],
    ["policy: 5", "muster.yaml:1: policy: expected a section with keys, got 5"],
    ["policy: []", "muster.yaml:1: policy: expected a section with keys, got []"],
    ["policy: [sync]", 'muster.yaml:1: policy: expected a section with keys, got ["sync"]'],
    [
      "registries: { alb: { targetGroups: [a] } }",
      "muster.yaml:1: registries.alb.targetGroups: expected a section with keys",
    ],
    ["policy: { resync: 60 }", "muster.yaml:1: policy.resync: expected a duration"],
    ["http: { listen: 1.2.3.4:99999, tokenFile: x }", "muster.yaml:1: http.listen: expected HOST:PORT"],
    [
      "http: { listen: 0.0.0.0:8590 }",
      "muster.yaml:1: http.tokenFile: required, since http.listen (0.0.0.0) can be reached from other machines",
    ],
    ["audit: { maxBytes: 10 }", "muster.yaml:1: audit.maxBytes: expected a number of bytes of at least 4096"],
    ["node: { address: here }", "muster.yaml:1: node.address: expected an IPv4 or IPv6 address"],
    ["registries: { consul: { url: http://forbidden } }", "muster.yaml:1: registries.consul: expected another url"],
    [
      "registries: { mine: { module: 3 } }",
      "muster.yaml:1: registries.mine.module: expected a path or package name, got 3",
    ],
    ['registries: { "m ine": { module: x } }', "muster.yaml:1: registries.m ine: expected a name of letters"],
    ["__proto__: { cluster: x }", "muster.yaml:1: __proto__: unknown key"],
    ["constructor: 1", "muster.yaml:1: constructor: unknown key"],
  ])("%j", (text, problem) => {
    const problems = problemsOf(text);
    expect(problems[0]).toContain(problem);
    for (const line of problems) expect(line).not.toContain("\n");
  });

  test("show no secret, and no more than a glance of a long value", () => {
    const problems = problemsOf(
      "registries: { consul: { token: [hunter2], url: 'http://u:hunter2@c', timeout: 'password=hunter2' } }\n" +
        `cluster: ${"x".repeat(10_000)}`,
    );
    expect(problems).toHaveLength(4);
    expect(problems.join("\n")).not.toContain("hunter2");
    expect(problems.join("\n").length).toBeLessThan(800);
  });

  test("of a file that is not there", async () => {
    expect(await loadConfig("/nowhere/m.yaml", {}, schemas)).toEqual({
      problems: ["/nowhere/m.yaml: configuration file can't be read: no such file"],
    });
    expect(await loadConfig(undefined, { MUSTER_CONFIG: "/nowhere" }, schemas)).toEqual({
      problems: ["/nowhere: configuration file (named by MUSTER_CONFIG) can't be read: no such file"],
    });
  });

  test("arbitrary text and values give problems or a configuration, never an exception", () => {
    const keys = fc.constantFrom("sources", "registries", "policy", "http", "docker", "consul", "resync", "url", "x");
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof({ depthSize: "small" }, fc.jsonValue(), fc.dictionary(keys, tie("tree"))),
    }));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "grapheme" }),
          tree.map((value) => JSON.stringify(value)),
        ),
        (text) => {
          const result = parse(text);
          expect("config" in result || result.problems.length > 0).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});
