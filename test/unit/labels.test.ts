import { describe, expect, it } from "vitest";
import { isRequested, type LabelInput, readLabels } from "../../src/labels.ts";
import type { Metadata } from "../../src/model.ts";

type Labels = Record<string, string>;

function read(labels: Labels, more: Partial<LabelInput> = {}) {
  return readLabels({ labels, defaults: {}, environment: {}, ...more });
}

const NOTHING: Metadata = {
  enable: null,
  name: null,
  nameIsPorts: false,
  ports: [],
  network: null,
  tags: [],
  meta: {},
  weight: null,
  checks: [],
  routes: [],
  albTargetGroups: [],
  drain: null,
  stopGate: null,
  readinessGate: false,
};

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

describe("muster.* labels", () => {
  it("say nothing where there are none", () => {
    const reader = read({ "com.docker.compose.service": "web", "muster-ui": "x", musterName: "y", "MUSTER.NAME": "z" });

    expect(reader.task).toEqual(NOTHING);
    expect(reader.labelledPorts).toEqual([]);
    expect(reader.requested).toBe(false);
    expect(reader.problems).toEqual([]);
  });

  it("can say everything at once", () => {
    const reader = read({
      "muster.enable": "true",
      "muster.name": "shop_web",
      "muster.port": "8080, 53/udp,8080/tcp,9000/SCTP",
      "muster.network": "shop_default",
      "muster.tags": "b, a,,with\\,comma,a",
      "muster.meta.team": "  core ",
      "muster.meta.build.id": "",
      "muster.weight": "10",
      "muster.check.http": "/health?full=1",
      "muster.check.method": "head",
      "muster.check.interval": "5s",
      "muster.check.timeout": "500ms",
      "muster.check.deregister-after": "10m",
      "muster.route.host": "WWW.example.com, *.shop.example.com",
      "muster.route.path": "/shop,/basket",
      "muster.route.strip-path": "yes",
      "muster.route.priority": "7",
      "muster.alb.target-group":
        "web,arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/api/50dc6c495c0c9188",
      "muster.drain": "0s",
      "muster.stop-gate": "sigterm",
      "muster.readiness-gate": "yes",
    });

    expect(reader.problems).toEqual([]);
    expect(reader.task).toEqual({
      enable: true,
      name: "shop_web",
      nameIsPorts: false,
      ports: [
        { port: 8080, protocol: "tcp" },
        { port: 53, protocol: "udp" },
        { port: 9000, protocol: "sctp" },
      ],
      network: "shop_default",
      tags: ["b", "a", "with,comma"],
      meta: { "build.id": "", team: "  core " },
      weight: 10,
      checks: [
        {
          ...CHECK,
          type: "http",
          target: "/health?full=1",
          method: "HEAD",
          interval: 5000,
          timeout: 500,
          deregisterAfter: 600_000,
        },
      ],
      routes: [
        { hosts: ["www.example.com", "*.shop.example.com"], paths: ["/shop", "/basket"], stripPath: true, priority: 7 },
      ],
      albTargetGroups: ["web", "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/api/50dc6c495c0c9188"],
      drain: 0,
      stopGate: "SIGTERM",
      readinessGate: true,
    });
  });

  it.each([
    ["true", true],
    [" TRUE ", true],
    ["1", true],
    ["yes", true],
    ["false", false],
    ["0", false],
    ["No", false],
  ])("read muster.enable=%j as %j", (text, enable) => {
    const reader = read({ "muster.enable": text });

    expect(reader.task.enable).toBe(enable);
    expect(reader.problems).toEqual([]);
  });

  it.each<[Labels, object[]]>([
    [{ "muster.check.tcp": "true" }, [{ ...CHECK, type: "tcp" }]],
    [{ "muster.check.tcp": "false" }, []],
    [{ "muster.check.grpc": "true" }, [{ ...CHECK, type: "grpc" }]],
    [{ "muster.check.grpc": "shop.v1.Basket" }, [{ ...CHECK, type: "grpc", target: "shop.v1.Basket" }]],
    [{ "muster.check.grpc": "no" }, []],
    [{ "muster.check.ttl": "30s" }, [{ ...CHECK, type: "ttl", ttl: 30_000, interval: null }]],
    [
      { "muster.check.https": "/", "muster.check.tls-skip-verify": "true" },
      [{ ...CHECK, type: "https", target: "/", tls: { use: true, skipVerify: true } }],
    ],
    [
      { "muster.check.http": "/", "muster.check.tcp": "1", "muster.check.deregister-after": "0s" },
      [
        { ...CHECK, type: "http", target: "/" },
        { ...CHECK, type: "tcp" },
      ],
    ],
  ])("make checks of %j", (labels, checks) => {
    const reader = read(labels);

    expect(reader.task.checks).toEqual(checks);
    expect(reader.problems).toEqual([]);
  });

  it("make a route of a path alone, unstripped", () => {
    expect(read({ "muster.route.path": "/" }).task.routes).toEqual([
      { hosts: [], paths: ["/"], stripPath: false, priority: null },
    ]);
  });
});

describe("keys of one port", () => {
  it("beat general ones for that port and no other", () => {
    const reader = read({
      "muster.name": "web",
      "muster.tags": "a",
      "muster.8080.name": "admin",
      "muster.9090.tags": "m",
    });

    expect(reader.forPort(8080)).toEqual({ ...NOTHING, name: "admin", nameIsPorts: true, tags: ["a"] });
    expect(reader.forPort(9090)).toEqual({ ...NOTHING, name: "web", tags: ["m"] });
    expect(reader.forPort(80)).toBe(reader.task);
    expect(reader.forPort(null)).toBe(reader.task);
    expect(reader.task).toEqual({ ...NOTHING, name: "web", tags: ["a"] });
    expect(reader.labelledPorts).toEqual([8080, 9090]);
  });

  it("add their meta pairs to the general ones", () => {
    const reader = read({
      "muster.meta.a": "1",
      "muster.meta.b": "1",
      "muster.80.meta.b": "2",
      "muster.80.meta.c": "3",
    });

    expect(reader.forPort(80).meta).toEqual({ a: "1", b: "2", c: "3" });
  });

  it("are asked to be registered one by one", () => {
    const reader = read({ "muster.8080.enable": "true", "muster.9090.enable": "false", "muster.9090.name": "x" });

    expect(reader.requested).toBe(true);
    expect(isRequested(reader.task)).toBe(false);
    expect(isRequested(reader.forPort(8080))).toBe(true);
    expect(isRequested(reader.forPort(9090))).toBe(false);
  });

  it("can't name ports to expose", () => {
    const reader = read({ "muster.80.port": "81", "muster.65536.name": "x" });

    expect(reader.labelledPorts).toEqual([]);
    expect(reader.problems).toEqual([
      "label muster.65536.name is dropped: expected a port from 1 to 65535 after 'muster.'",
      "label muster.80.port is dropped: ports to expose belong into muster.port",
    ]);
  });
});

describe("precedence", () => {
  /** Strongest first; each names who says it. */
  const LAYERS: readonly (readonly ["labels" | "defaults" | "environment", string])[] = [
    ["labels", "muster.80.name"],
    ["defaults", "muster.80.name"],
    ["labels", "muster.name"],
    ["defaults", "muster.name"],
    ["labels", "SERVICE_80_NAME"],
    ["defaults", "SERVICE_80_NAME"],
    ["environment", "SERVICE_80_NAME"],
    ["labels", "SERVICE_NAME"],
    ["defaults", "SERVICE_NAME"],
    ["environment", "SERVICE_NAME"],
  ];

  function readFrom(first: number, strongest: string | null = null) {
    const input = { labels: {} as Labels, defaults: {} as Labels, environment: {} as Labels };
    for (const [index, [place, key]] of LAYERS.entries()) {
      if (index >= first) input[place][key] = index === first && strongest !== null ? strongest : `layer-${index}`;
    }
    return readLabels(input);
  }

  it.each(LAYERS.map(([place, key], index) => ({ place, key, index })))("$index: $place $key", ({ key, index }) => {
    const metadata = readFrom(index).forPort(80);

    expect(metadata.name).toBe(`layer-${index}`);
    expect(metadata.nameIsPorts).toBe(key.includes("80"));
  });

  it.each(LAYERS.slice(0, -1).map((_, index) => index))("an unusable layer %i lets the next one through", (index) => {
    expect(readFrom(index, "not a name").forPort(80).name).toBe(`layer-${index + 1}`);
  });

  it.each(LAYERS.map((_, index) => index))("an empty layer %i takes back all weaker ones", (index) => {
    const reader = readFrom(index, "  ");

    expect(reader.forPort(80)).toEqual({ ...NOTHING });
    expect(reader.problems).toEqual([]);
  });

  it("goes key by key, so that a check may be put together from several places", () => {
    const reader = read(
      { "muster.check.interval": "2s" },
      {
        defaults: { "muster.check.http": "/up" },
        environment: { SERVICE_CHECK_TCP: "true", SERVICE_CHECK_TIMEOUT: "1s" },
      },
    );

    expect(reader.task.checks).toEqual([{ ...CHECK, type: "http", target: "/up", interval: 2000, timeout: 1000 }]);
  });

  it("lets an empty value remove an inherited check", () => {
    const reader = read({ "muster.80.check.http": "" }, { defaults: { "muster.check.http": "/up" } });

    expect(reader.forPort(80).checks).toEqual([]);
    expect(reader.task.checks).toHaveLength(1);
  });
});

describe("bad labels", () => {
  it.each<[string, string, string]>([
    ["muster.enable", "flase", 'label muster.enable: "flase" is dropped: expected true or false'],
    ["muster.name", "com.example", 'label muster.name: "com.example" is dropped: expected at most 63 letters, digits'],
    ["muster.port", "80,0,99999", 'label muster.port: "0" is dropped: expected ports from 1 to 65535'],
    [
      "muster.weight",
      "0",
      "expected a whole number from 1 to 65535; to take an instance out of service use `muster drain`",
    ],
    ["muster.weight", "1.5", 'label muster.weight: "1.5" is dropped'],
    ["muster.check.http", "health", 'label muster.check.http: "health" is dropped: expected a path'],
    ["muster.check.http", "//evil.example/", 'label muster.check.http: "//evil.example/" is dropped'],
    ["muster.check.http", "/\\evil.example/", "label muster.check.http: "],
    ["muster.check.tcp", "8080", 'label muster.check.tcp: "8080" is dropped: expected true or false'],
    ["muster.check.interval", "10", 'label muster.check.interval: "10" is dropped: expected a duration above zero'],
    ["muster.check.interval", "0s", 'label muster.check.interval: "0s" is dropped: expected a duration above zero'],
    ["muster.drain", "900h", 'label muster.drain: "900h" is dropped: expected a duration of at most 168h'],
    ["muster.route.host", "http://a.b", 'label muster.route.host: "http://a.b" is dropped: expected host names'],
    ["muster.route.priority", "-1", 'label muster.route.priority: "-1" is dropped: expected a whole number from 0'],
    ["muster.alb.target-group", "a b", 'label muster.alb.target-group: "a b" is dropped: expected names or ARNs'],
    ["muster.meta.muster_owner", "me", "meta keys that start with 'muster' are Muster's own"],
    ["muster.meta.a b", "x", "label muster.meta.a b: its value is dropped: expected a meta key"],
    [
      "muster.meta.long",
      "é".repeat(257),
      "label muster.meta.long: its value is dropped: expected a meta value of at most 512",
    ],
    ["muster.tags", "x".repeat(10_240), "label muster.tags: its value is dropped: expected at most 4096 characters"],
    ["muster.name", "a\u0000b\u001b[31m", 'label muster.name: "a\\u{0}b\\u{1b}[31m" is dropped'],
    ["muster.id", "web-1", "no label can take another service's id"],
    ["muster.weigth", "3", "label muster.weigth is dropped: there is no such key; did you mean muster.weight?"],
    ["muster.8080.route.hosts", "a", "did you mean muster.8080.route.host?"],
    ["muster.check.tls_skip_verify", "a", "did you mean muster.check.tls-skip-verify?"],
    ["muster.meta", "a", "did you mean muster.meta.KEY?"],
    ["muster.frobnicate-it", "hunter2", "there is no such key; there are enable, name, port"],
    [`muster.${"x".repeat(300)}`, "1", "expected a key of at most 256 characters"],
  ])("%s gives one clear line (case %#)", (key, value, line) => {
    const { problems } = read({ [key]: value });

    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(line);
    expect(problems[0]?.length).toBeLessThan(450);
  });

  it("are bounded in size as well, one overlong value counting no more than the longest usable one", () => {
    const big = Object.fromEntries(
      Array.from({ length: 40 }, (_, index) => [`muster.${index + 1}.tags`, "x".repeat(4000)]),
    );
    const reader = read({ ...big, "muster.1.drain": "y".repeat(1e6), "muster.1.name": "web" });

    expect(reader.forPort(1).name).toBe("web");
    expect(reader.problems[0]).toBe("label: only 33 of 42 for Muster are read, the others are too much");
  });

  it("show no secret that was put into a key", () => {
    const { problems } = read({ "muster.meta.postgres://app:hunter2@db": "x" });

    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^label muster\.m… \(the rest is not shown\): /);
  });

  it("include half characters, which no registry gives back", () => {
    const reader = read({ "muster.tags": "ok,\ud83d", "muster.meta.a": "x\udc00" });

    expect(reader.task).toEqual({ ...NOTHING, tags: ["ok"] });
    expect(reader.problems).toHaveLength(2);
    expect(reader.problems[1]).toContain('"\\u{d83d}"');
  });

  it("drop one item of a list, and keep the others", () => {
    const reader = read({
      "muster.tags": `ok,bad\u0007,${"x".repeat(256)},fine`,
      "muster.route.host": "a.example,b_ad!.example",
      "muster.port": "80,http",
    });

    expect(reader.task.tags).toEqual(["ok", "fine"]);
    expect(reader.task.routes[0]?.hosts).toEqual(["a.example"]);
    expect(reader.task.ports).toEqual([{ port: 80, protocol: "tcp" }]);
    expect(reader.problems).toHaveLength(3);
    expect(reader.problems[2]).toContain('"bad\\u{7}" is dropped');
    expect(reader.problems[2]).toContain("so are 1 more of them");
  });

  it("make no route rather than one that catches more", () => {
    const reader = read({
      "muster.route.host": "bad host",
      "muster.route.path": "/",
      "muster.80.route.host": "a.example",
      "muster.81.route.path": "nope",
    });

    expect(reader.task.routes).toEqual([]);
    expect(reader.forPort(80).routes).toHaveLength(1);
    expect(reader.forPort(81).routes).toEqual([]);
    expect(reader.problems[0]).toMatch(/expected paths.*; no route is made$/);
  });

  it("put no port into a target group that was meant for others", () => {
    const reader = read({ "muster.alb.target-group": "web", "muster.81.alb.target-group": "ad min" });

    expect(reader.forPort(80).albTargetGroups).toEqual(["web"]);
    expect(reader.forPort(81).albTargetGroups).toEqual([]);
  });

  it("name the place they come from", () => {
    const { problems } = read({}, { defaults: { "muster.weight": "x" }, environment: { SERVICE_NAME: "a b" } });

    expect(problems[0]).toMatch(/^service label muster\.weight: /);
    expect(problems[1]).toMatch(/^environment SERVICE_NAME: /);
  });

  it("include details of a check, or a route, that is not there", () => {
    const { problems } = read({ "muster.check.interval": "5s", "muster.80.route.strip-path": "true" });

    expect(problems).toEqual([
      "labels give details of a check but no check: add muster.check.http, tcp, grpc or ttl",
      "labels give details of a route but no route: add muster.route.host or muster.route.path",
    ]);
  });

  it("are reported up to a bound", () => {
    const many = Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`muster.x${index}`, "1"]));
    const { problems } = read(many);

    expect(problems).toHaveLength(50);
    expect(problems[0]).toBe("label: only 1000 of 2000 for Muster are read, the others are too much");
    expect(problems.at(-1)).toBe("and 952 more problems with labels");
  });

  it("include more meta pairs and tags than a registry holds", () => {
    const pairs = Array.from({ length: 70 }, (_, index) => [`muster.meta.k${String(index).padStart(2, "0")}`, "v"]);
    const reader = read({
      ...Object.fromEntries(pairs),
      SERVICE_AAA: "v",
      "muster.tags": Array.from({ length: 70 }, (_, index) => `t${index}`).join(),
    });

    expect(Object.keys(reader.task.meta)).toHaveLength(64);
    expect(reader.task.meta).not.toHaveProperty("aaa");
    expect(reader.task.tags).toHaveLength(64);
    expect(reader.problems).toEqual([
      "label muster.tags: its value is dropped: only the first 64 are used",
      "more meta pairs than a registry holds; left out: k64, k65, k66, k67, k68, k69, aaa",
    ]);
  });
});
