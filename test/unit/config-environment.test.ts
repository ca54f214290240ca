import { describe, expect, test } from "vitest";
import type { Config } from "../../src/config.ts";
import { configOf, problemsOf } from "./config-fixture.ts";

describe("the environment", () => {
  test.each([
    ["MUSTER_CLUSTER", "prod", (c: Config) => c.cluster, "prod"],
    ["MUSTER_CLUSTER", "1", (c: Config) => c.cluster, "1"],
    ["MUSTER_POLICY__ONEXIT", "deregister", (c: Config) => c.policy.onExit, "deregister"],
    ["MUSTER_POLICY__ON_EXIT", "deregister", (c: Config) => c.policy.onExit, "deregister"],
    ["MUSTER_POLICY__RESYNC", "0s", (c: Config) => c.policy.resync, 0],
    ["MUSTER_POLICY__MASS_DELETE__MAX", "7", (c: Config) => c.policy.massDelete, { max: 7, percent: 50 }],
    ["MUSTER_POLICY__MASS_DELETE", "{max: 1}", (c: Config) => c.policy.massDelete, { max: 1, percent: 50 }],
    ["MUSTER_POLICY__DRY_RUN", "true", (c: Config) => c.policy.dryRun, true],
    ["MUSTER_AUDIT__MAX_BYTES", "1MiB", (c: Config) => c.audit.maxBytes, 1_048_576],
    ["MUSTER_AUDIT__MAX_BYTES", "8192", (c: Config) => c.audit.maxBytes, 8192],
    ["MUSTER_HTTP__LISTEN", "[::1]:0", (c: Config) => c.http.listen, { host: "::1", port: 0 }],
    ["MUSTER_REGISTRIES__CONSUL__TIMEOUT", "1.5s", (c: Config) => c.registries["consul"], { timeout: 1500 }],
    ["MUSTER_REGISTRIES__CONSUL__RETRIES", "3", (c: Config) => c.registries["consul"], { retries: 3 }],
    ["MUSTER_REGISTRIES__CONSUL__RETRIES", "forever", (c: Config) => c.registries["consul"], { retries: "forever" }],
    [
      "MUSTER_REGISTRIES__VULCAND__URLS",
      "http://a,http://b/",
      (c: Config) => c.registries["vulcand"],
      { urls: ["http://a", "http://b"] },
    ],
    ["MUSTER_REGISTRIES__VULCAND__URLS", "[http://a]", (c: Config) => c.registries["vulcand"], { urls: ["http://a"] }],
    [
      "MUSTER_REGISTRIES__ALB__TARGET_GROUPS__WEB",
      "web-tg",
      (c: Config) => c.registries["alb"],
      { targetGroups: { web: "web-tg" } },
    ],
    [
      "MUSTER_SOURCES__STATIC__INSTANCES",
      "[{service: a, port: 1}]",
      (c: Config) => c.sources["static"],
      { instances: [{ service: "a", port: 1 }] },
    ],
    ["MUSTER_SOURCES__MINE__MODULE", "./m.js", (c: Config) => c.sources["mine"], { module: "./m.js" }],
    ["MUSTER_CLUSTER", "", (c: Config) => c.cluster, "default"],
  ])("%s=%s", (name, value, pick, expected) => {
    const picked = pick(configOf("", { [name]: value }));
    if (typeof expected === "object") expect(picked).toMatchObject(expected);
    else expect(picked).toBe(expected);
  });

  test("beats the file, key by key", () => {
    const { policy } = configOf("policy: { resync: 1s, probation: 2s }", { MUSTER_POLICY__RESYNC: "9s" });
    expect(policy).toMatchObject({ resync: 9000, probation: 2000 });
  });

  test("of others is left alone", () => {
    const env = {
      MUSTER_PORT: "tcp://10.0.0.1:80",
      MUSTER_PORT_8590_TCP_ADDR: "10.0.0.1",
      MUSTER_SERVICE_HOST: "10.0.0.1",
      MUSTER_CONFIG: "x.yaml",
      OTHER: "1",
    };
    expect(configOf("", env)).toEqual(configOf(""));
  });

  test.each([
    ["MUSTER_POLICY__RESYNK", "1s", 'MUSTER_POLICY__RESYNK: policy.resynk: unknown key (did you mean "resync"?)'],
    [
      "MUSTER_POLICY__RESYNC",
      "60",
      'MUSTER_POLICY__RESYNC: policy.resync: expected a duration such as 30s (units: ms, s, m, h), got "60"',
    ],
    ["MUSTER_HTTP_LISTEN", "x", "MUSTER_HTTP_LISTEN: not a key (did you mean MUSTER_HTTP__LISTEN?)"],
    ["MUSTER_CLUSTRE", "x", "MUSTER_CLUSTRE: not a key (did you mean MUSTER_CLUSTER?)"],
    [
      "MUSTER_POLICY____RESYNC",
      "x",
      "MUSTER_POLICY____RESYNC: expected MUSTER_ and the path of a key, with two underscores between levels",
    ],
    [
      "MUSTER_REGISTRIES__CONSL__URL",
      "http://x",
      'MUSTER_REGISTRIES__CONSL__URL: registries.consl: unknown adapter (did you mean "consul"?); known: embedded, consul, kong, vulcand, alb; one of your own needs `module`',
    ],
  ])("%s=%s is a mistake", (name, value, problem) => expect(problemsOf("", { [name]: value })).toEqual([problem]));
});

describe("the ecosystem's variables", () => {
  const consul = (env: Record<string, string>, options = "{}") =>
    configOf(`registries: { consul: ${options} }`, env).registries["consul"];

  test.each([
    [{ CONSUL_HTTP_ADDR: "c:8500" }, "{}", { url: "http://c:8500" }],
    [{ CONSUL_HTTP_ADDR: "c:8501", CONSUL_HTTP_SSL: "true" }, "{}", { url: "https://c:8501" }],
    [{ CONSUL_HTTP_ADDR: "http://c:8501", CONSUL_HTTP_SSL: "1" }, "{}", { url: "https://c:8501" }],
    [{ CONSUL_HTTP_ADDR: "https://c" }, "{ url: http://mine }", { url: "http://mine" }],
    [{ CONSUL_HTTP_TOKEN: "t" }, "{}", { token: "t" }],
    [{ CONSUL_HTTP_TOKEN: "t", CONSUL_HTTP_TOKEN_FILE: "/t" }, "{}", { tokenFile: "/t" }],
  ])("%j with %s", (env, options, expected) =>
    expect(consul(env as unknown as Record<string, string>, options)).toMatchObject(expected),
  );

  test("a token in the configuration beats both of theirs", () => {
    const options = consul({ CONSUL_HTTP_TOKEN: "t", CONSUL_HTTP_TOKEN_FILE: "/t" }, "{ tokenFile: /mine }");
    expect(options).toMatchObject({ tokenFile: "/mine" });
    expect(options).not.toHaveProperty("token");
  });

  test("DOCKER_HOST", () => {
    expect(configOf("", { DOCKER_HOST: "tcp://d:2375" }).sources["docker"]).toMatchObject({ host: "tcp://d:2375" });
  });

  test("a wrong one is named", () => {
    expect(problemsOf("registries: { consul: }", { CONSUL_HTTP_ADDR: "ftp://x" })).toEqual([
      'CONSUL_HTTP_ADDR: registries.consul.url: expected an http(s) URL such as http://127.0.0.1:8500, got "ftp://x"',
    ]);
  });
});
