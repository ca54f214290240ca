/** Laws of the label grammar, over labels good, bad and hostile. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isServiceName, type LabelInput, type LabelReader, readLabels } from "../../src/labels.ts";
import type { Check, Metadata, Route } from "../../src/model.ts";

type Labels = Readonly<Record<string, string>>;

const PORTS = [1, 80, 8080, 65_535] as const;
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u2028\u2029\u202A-\u202E\u2066-\u2069]/u;

const KEYS = [
  ...[
    "enable",
    "name",
    "port",
    "network",
    "tags",
    "weight",
    "drain",
    "stop-gate",
    "readiness-gate",
    "meta.team",
    "meta.constructor",
    "alb.target-group",
  ],
  ...["check.http", "check.https", "check.tcp", "check.grpc", "check.ttl", "check.interval", "check.timeout"],
  ...["check.method", "check.deregister-after", "route.host", "route.path", "route.strip-path", "route.priority"],
];
const ATTRIBUTES = [
  ...["NAME", "name", "TAGS", "IGNORE", "ID", "VERSION", "version", "DB_PASSWORD", "CHECK_HTTP", "CHECK_TCP"],
  ...["CHECK_TTL", "CHECK_GRPC", "CHECK_INTERVAL", "CHECK_INITIAL_STATUS", "CHECK_SCRIPT", "CHECK_NONE"],
];
const HOSTILE_NAMES = [
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "",
  " ",
  "\u0000",
  ".",
  "80.",
  "0.name",
];

const port = fc.constantFrom(...PORTS);
const prefix = fc.oneof(
  fc.constant("muster."),
  port.map((number) => `muster.${number}.`),
);
const servicePrefix = fc.oneof(
  fc.constant("SERVICE_"),
  port.map((number) => `SERVICE_${number}_`),
);
const text = fc.oneof(fc.string({ unit: "binary", maxLength: 40 }), fc.string({ maxLength: 40 }));
const anyKey = fc.oneof(
  { weight: 4, arbitrary: join(prefix, fc.constantFrom(...KEYS)) },
  { weight: 3, arbitrary: join(servicePrefix, fc.constantFrom(...ATTRIBUTES)) },
  { weight: 1, arbitrary: join(fc.oneof(prefix, servicePrefix), fc.oneof(text, fc.constantFrom(...HOSTILE_NAMES))) },
  { weight: 1, arbitrary: text },
);
const anyValue = fc.oneof(
  fc.constantFrom(
    "true",
    "false",
    "web",
    "admin-2",
    "80,53/udp",
    "a,b\\,c",
    "/health",
    "10s",
    "0s",
    "1",
    "0",
    "",
    "  ",
  ),
  fc.constantFrom(
    "shop.example,*.x.y",
    "GET",
    "passing",
    "70000",
    "-1",
    "bad host!",
    "a b",
    "//x",
    "\u0007",
    "__proto__",
  ),
  fc.constantFrom("x".repeat(600), "y,".repeat(5000)),
  text,
);
const labels: fc.Arbitrary<Labels> = fc.dictionary(anyKey, anyValue, { maxKeys: 12 });
const input: fc.Arbitrary<LabelInput> = fc.record({
  labels,
  defaults: labels,
  environment: labels,
  metaFromEnvironment: fc.subarray(["version", "SERVICE_DB_PASSWORD"]),
});

function join(...parts: readonly fc.Arbitrary<string>[]): fc.Arbitrary<string> {
  return fc.tuple(...parts).map((texts) => texts.join(""));
}

/** All that a reader has to say, as plain data. */
function told(reader: LabelReader) {
  return {
    task: reader.task,
    ports: PORTS.map((number) => reader.forPort(number)),
    labelledPorts: reader.labelledPorts,
    requested: reader.requested,
    problems: reader.problems,
  };
}

function all(reader: LabelReader): readonly Metadata[] {
  return [reader.task, ...reader.labelledPorts.map((number) => reader.forPort(number))];
}

function reversed(record: Labels): Labels {
  return Object.fromEntries(Object.entries(record).reverse());
}

describe("any labels", () => {
  it("give the same whatever the order of their keys", () => {
    fc.assert(
      fc.property(input, (given) => {
        const other = {
          ...given,
          labels: reversed(given.labels),
          defaults: reversed(given.defaults),
          environment: reversed(given.environment),
        };

        expect(JSON.stringify(told(readLabels(other)))).toBe(JSON.stringify(told(readLabels(given))));
      }),
    );
  });

  it("say of a port without keys of its own what they say of the task", () => {
    fc.assert(
      fc.property(input, fc.integer({ min: 1, max: 65_535 }), (given, number) => {
        const reader = readLabels(given);
        fc.pre(!reader.labelledPorts.includes(number));

        expect(reader.forPort(number)).toBe(reader.task);
      }),
    );
  });

  it("give nothing that a registry would choke on", () => {
    fc.assert(
      fc.property(input, (given) => {
        const reader = readLabels(given);

        for (const metadata of all(reader)) expectValid(metadata);
        for (const problem of reader.problems) {
          expect(problem).not.toMatch(UNPRINTABLE);
          expect(problem.length).toBeLessThan(600);
        }
      }),
      { numRuns: 500 },
    );
  });
});

function expectValid(metadata: Metadata): void {
  for (const said of [...metadata.tags, ...Object.entries(metadata.meta).flat(), metadata.network ?? ""]) {
    expect(said).not.toMatch(UNPRINTABLE);
  }
  if (metadata.name !== null) expect(isServiceName(metadata.name)).toBe(true);
  if (metadata.nameIsPorts) expect(metadata.name).not.toBeNull();
  for (const { port: number } of metadata.ports) expectWithin(number, 1, 65_535);
  expectWithin(metadata.weight, 1, 65_535);
  expectWithin(metadata.drain, 0, 2 ** 31 - 1);
  for (const check of metadata.checks) expectValidCheck(check);
  for (const route of metadata.routes) expectValidRoute(route);
}

function expectValidCheck(check: Check): void {
  expect(check.target).toMatch(/^(?:\/(?!\/)[!-~]*|[\w.-]*)$/);
  for (const ms of [check.interval, check.timeout, check.deregisterAfter, check.ttl]) expectWithin(ms, 1, 2 ** 31 - 1);
  expect(check.type === "ttl").toBe(check.ttl !== null);
}

function expectValidRoute({ hosts, paths }: Route): void {
  expect(hosts.length + paths.length).toBeGreaterThan(0);
  for (const host of hosts) expect(host).toMatch(/^[a-z0-9_*.-]+$/);
  for (const path of paths) expect(path).toMatch(/^\/(?!\/)[!-~]*$/);
}

function expectWithin(number: number | null, min: number, max: number): void {
  if (number === null) return;
  expect(Number.isInteger(number)).toBe(true);
  expect(number).toBeGreaterThanOrEqual(min);
  expect(number).toBeLessThanOrEqual(max);
}

describe("a secret", () => {
  const SECRET = "hunter2-S3CRET";
  const shapes = fc.constantFrom(
    `postgres://app:${SECRET}@db:5432/shop`,
    `amqp://${SECRET}@mq/`,
    `postgres://app:a,${SECRET}@db/shop`,
    `postgres://app:${SECRET},a@db/shop`,
    `host=db password=${SECRET}`,
    `/health?token=${SECRET}`,
    `Bearer ${SECRET}`,
  );

  it("that looks like one is neither registered nor shown, whichever label it is in", () => {
    const bare = { labels: {}, defaults: {}, environment: {}, metaFromEnvironment: [] };
    const padding = fc.constantFrom("", " ", "a,", "/x ", "\u0007,", "y".repeat(50));
    fc.assert(
      fc.property(input, anyKey, padding, shapes, padding, (given, key, before, secret, after) => {
        const value = `${before} ${secret}${after}`;
        const readers = [
          readLabels({ ...given, labels: { ...given.labels, [key]: value } }),
          readLabels({ ...given, defaults: { ...given.defaults, [key]: value } }),
          readLabels({ ...given, environment: { ...given.environment, [key]: value } }),
        ];

        for (const reader of readers) {
          expect(JSON.stringify(told(reader))).not.toContain(SECRET);
        }
      }),
      {
        numRuns: 300,
        // found by chance: the item with the rest of the secret was dropped for its control character
        examples: [[bare, "SERVICE_TAGS", "", `postgres://app:${SECRET},a@db/shop`, "\u0007,"]],
      },
    );
  });

  it("whose key says so is neither registered nor shown, whatever it looks like", () => {
    const key = fc.constantFrom(
      ...[
        "muster.meta.db_password",
        "muster.80.meta.apiKey",
        "SERVICE_DB_PASSWORD",
        "SERVICE_80_API_TOKEN",
        "muster.password",
      ],
    );
    fc.assert(
      fc.property(input, key, (given, name) => {
        const reader = readLabels({
          labels: { ...given.labels, [name]: SECRET },
          defaults: { ...given.defaults, [name]: SECRET },
          environment: { ...given.environment, [name]: SECRET },
          metaFromEnvironment: ["db_password", "api_token"],
        });

        expect(JSON.stringify(told(reader))).not.toContain(SECRET);
        expect(reader.problems.some((problem) => problem.includes(name))).toBe(true);
      }),
    );
  });
});

describe("a bad label", () => {
  const BAD: readonly (readonly [string, string])[] = [
    ["enable", "flase"],
    ["name", "a b"],
    ["port", "http"],
    ["network", "a\u0000b"],
    ["tags", "\u0007"],
    ["weight", "0"],
    ["check.http", "health"],
    ["check.tcp", "maybe"],
    ["check.interval", "fast"],
    ["drain", "-1s"],
    ["meta.team", "\u0000"],
    ["meta.__proto__", "x"],
    ["meta.muster_owner", "x"],
    ["route.priority", "first"],
    ["nonsense", "x"],
    ["name", "z".repeat(10_240)],
  ];
  const badMuster = fc
    .tuple(prefix, fc.constantFrom(...BAD))
    .map(([scope, [key, value]]) => [scope + key, value] as const);
  const badService = fc
    .tuple(servicePrefix, fc.constantFrom(["NAME", "a b"], ["CHECK_HTTP", "x"], ["ID", "x"], ["CHECK_CMD", "x"]))
    .map(([scope, [key, value]]) => [`${scope}${key}`, `${value}`] as const);

  it("changes nothing else, and is named in one line", () => {
    fc.assert(
      fc.property(input, fc.oneof(badMuster, badService), (given, [key, value]) => {
        const { [key]: _, ...others } = given.labels;
        const without = readLabels({ ...given, labels: others });
        const withIt = readLabels({ ...given, labels: { ...others, [key]: value } });

        expect({ ...told(withIt), problems: [] }).toEqual({ ...told(without), problems: [] });
        const added = withIt.problems.filter((problem) => !without.problems.includes(problem));
        expect(added).toHaveLength(1);
        expect(added[0]).toMatch(/^label /);
        expect(added[0]).toContain(key);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ["route.host", "bad host!"],
    ["route.path", "no-slash"],
  ])("%s takes the route away, and nothing else", (name, value) => {
    fc.assert(
      fc.property(input, (given) => {
        const key = `muster.${name}`;
        const { [key]: _, ...others } = given.labels;
        const without = readLabels({ ...given, labels: others });
        const withIt = readLabels({ ...given, labels: { ...others, [key]: value } });

        expect(withIt.task).toEqual({ ...without.task, routes: [] });
      }),
    );
  });
});
