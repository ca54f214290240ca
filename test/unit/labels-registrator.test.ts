import { describe, expect, it } from "vitest";
import { type LabelInput, readLabels } from "../../src/labels.ts";

type Labels = Record<string, string>;

function read(labels: Labels, more: Partial<LabelInput> = {}) {
  return readLabels({ labels, defaults: {}, environment: {}, ...more });
}

function readEnvironment(environment: Labels, metaFromEnvironment: readonly string[] = []) {
  return readLabels({ labels: {}, defaults: {}, environment, metaFromEnvironment });
}

const CHECK = {
  target: "",
  method: null,
  interval: 10_000,
  timeout: null,
  deregisterAfter: null,
  ttl: null,
  tls: { use: false, skipVerify: false },
  initialStatus: null,
};

describe("SERVICE_* (Registrator)", () => {
  it("is understood in the environment and in labels, for all ports and for one", () => {
    const reader = read(
      { SERVICE_8080_TAGS: "z,a\\,b,,m", SERVICE_REGION: "eu" },
      { environment: { SERVICE_NAME: "web", SERVICE_8080_NAME: "api", SERVICE_TAGS: "x", PATH: "/bin" } },
    );

    expect(reader.task).toMatchObject({ name: "web", nameIsPorts: false, tags: ["x"], meta: { region: "eu" } });
    expect(reader.forPort(8080)).toMatchObject({ name: "api", nameIsPorts: true, tags: ["z", "a,b", "m"] });
    expect(reader.labelledPorts).toEqual([8080]);
    expect(reader.problems).toEqual([]);
  });

  it("has a case-sensitive prefix and case-insensitive attributes", () => {
    expect(read({ service_name: "no", Service_Name: "no" }).task.name).toBeNull();
    expect(read({ SERVICE_name: "yes" }).task.name).toBe("yes");
    expect(read({ SERVICE_80_Check_Tcp: "true" }).forPort(80).checks).toHaveLength(1);
  });

  it("takes the first of two labels that differ only in letter case, and says so", () => {
    const reader = read({ SERVICE_name: "lower", SERVICE_NAME: "upper" });

    expect(reader.task.name).toBe("upper");
    expect(reader.problems).toEqual([
      "label SERVICE_name is dropped: SERVICE_NAME is the same setting, and comes first",
    ]);
  });

  it.each([
    ["true", false],
    ["1", false],
    ["yes", false],
    ["false", null],
    ["0", null],
    ["", null],
  ])("reads SERVICE_IGNORE=%j as enable %j", (text, enable) => {
    expect(readEnvironment({ SERVICE_IGNORE: text }).task.enable).toBe(enable);
  });

  it("lets a port out of a general SERVICE_IGNORE", () => {
    const reader = readEnvironment({ SERVICE_IGNORE: "true", SERVICE_80_IGNORE: "false" });

    expect(reader.forPort(80).enable).toBeNull();
    expect(reader.forPort(81).enable).toBe(false);
  });

  it.each<[Labels, object]>([
    [{ SERVICE_CHECK_HTTP: "/h" }, { ...CHECK, type: "http", target: "/h" }],
    [
      { SERVICE_CHECK_HTTP: "/h", SERVICE_CHECK_HTTP_METHOD: "head", SERVICE_CHECK_INTERVAL: "1m30s" },
      { ...CHECK, type: "http", target: "/h", method: "HEAD", interval: 90_000 },
    ],
    [
      { SERVICE_CHECK_HTTPS: "/h", SERVICE_CHECK_HTTPS_METHOD: "GET", SERVICE_CHECK_HTTP_METHOD: "PUT" },
      { ...CHECK, type: "https", target: "/h", method: "GET", tls: { use: true, skipVerify: false } },
    ],
    [
      { SERVICE_CHECK_TCP: "true", SERVICE_CHECK_TIMEOUT: "2s", SERVICE_CHECK_DEREGISTER_AFTER: "10m" },
      { ...CHECK, type: "tcp", timeout: 2000, deregisterAfter: 600_000 },
    ],
    [
      { SERVICE_CHECK_TTL: "30s", SERVICE_CHECK_TIMEOUT: "2s" },
      { ...CHECK, type: "ttl", ttl: 30_000, interval: null },
    ],
    [
      { SERVICE_CHECK_GRPC: "true", SERVICE_CHECK_GRPC_USE_TLS: "true", SERVICE_CHECK_TLS_SKIP_VERIFY: "true" },
      { ...CHECK, type: "grpc", tls: { use: true, skipVerify: true } },
    ],
    [
      { SERVICE_CHECK_GRPC: "on", SERVICE_CHECK_GRPC_USE_TLS: "false" },
      { ...CHECK, type: "grpc" },
    ],
    [
      { SERVICE_CHECK_TCP: "yes", SERVICE_CHECK_INITIAL_STATUS: "passing" },
      { ...CHECK, type: "tcp", initialStatus: "passing" },
    ],
  ])("makes a check of %j, and no meta", (environment, check) => {
    const reader = readEnvironment(environment);

    expect(reader.task.checks).toEqual([check]);
    expect(reader.task.meta).toEqual({});
    expect(reader.problems).toEqual([]);
  });

  it("runs one check, the first of http, https, ttl, tcp, grpc", () => {
    const attributes: readonly (readonly [string, string])[] = [
      ["http", "/"],
      ["https", "/"],
      ["ttl", "5s"],
      ["tcp", "true"],
      ["grpc", "true"],
    ];

    for (const [index, [kind]] of attributes.entries()) {
      const rest = attributes.slice(index).map(([name, value]) => [`SERVICE_CHECK_${name.toUpperCase()}`, value]);
      expect(readEnvironment(Object.fromEntries(rest)).task.checks.map(({ type }) => type)).toEqual([kind]);
    }
  });

  it("leaves its checks aside where muster.check.* asks for one", () => {
    const reader = read({ "muster.check.tcp": "true" }, { environment: { SERVICE_CHECK_HTTP: "/h" } });

    expect(reader.task.checks.map(({ type }) => type)).toEqual(["tcp"]);
  });

  it("runs no commands", () => {
    const reader = read({ SERVICE_CHECK_SCRIPT: "curl -u me:hunter2 $SERVICE_IP", SERVICE_80_CHECK_CMD: "/bin/true" });

    expect(reader.task.checks).toEqual([]);
    expect(reader.labelledPorts).toEqual([]);
    expect(reader.problems).toHaveLength(2);
    expect(reader.problems.join()).toContain("Muster runs no commands");
    expect(reader.problems.join()).not.toContain("hunter2");
  });

  it.each(["SERVICE_ID", "SERVICE_80_ID"])("does not take another service's id by %s", (key) => {
    const reader = read({ [key]: "consul" });

    expect(JSON.stringify([reader.task, reader.forPort(80)])).not.toContain("consul");
    expect(reader.problems).toEqual([
      `label ${key} is dropped: Muster names its registrations itself, so that no label can take another service's id`,
    ]);
  });

  it("takes attributes from labels as meta, and one bad one spoils no other", () => {
    const reader = read({
      SERVICE_VERSION: "1.2",
      "SERVICE_com.example.x": "y",
      SERVICE_LONG: "v".repeat(513),
      SERVICE_80: "number",
    });

    expect(reader.task.meta).toEqual({ version: "1.2", "com.example.x": "y", "80": "number" });
    expect(reader.problems).toEqual([
      "label SERVICE_LONG: its value is dropped: expected a meta value of at most 512 bytes",
    ]);
  });

  it("takes attributes from the environment only where they are listed", () => {
    const environment = {
      SERVICE_VERSION: "1.2",
      SERVICE_80_VERSION: "2",
      SERVICE_REGION: "eu",
      SERVICE_LICENCE: "abc",
    };
    const reader = readEnvironment(environment, ["SERVICE_VERSION", "region"]);

    expect(reader.task.meta).toEqual({ version: "1.2", region: "eu" });
    expect(reader.forPort(80).meta).toEqual({ version: "2", region: "eu" });
    expect(reader.problems).toEqual([
      "environment SERVICE_LICENCE: not taken as meta, since environments hold secrets; " +
        "what is none can be said with a muster.meta.KEY label",
    ]);
  });

  it("names a check attribute that was mistyped", () => {
    expect(readEnvironment({ SERVICE_CHECK_INTERVALL: "3s" }).problems).toEqual([
      "environment SERVICE_CHECK_INTERVALL is dropped: Registrator has no such check attribute; did you mean CHECK_INTERVAL?",
    ]);
  });

  it("does not read muster.* from the environment", () => {
    expect(readEnvironment({ "muster.name": "web" }).task.name).toBeNull();
  });
});
