/** Instances for the laws: plain ones, and any of them. */
import * as fc from "fast-check";
import type { Check, Instance } from "../../../src/model.ts";

const PLAIN: Instance = {
  id: "task:80",
  service: "web",
  source: "docker",
  task: "task",
  node: "n1",
  address: "10.0.0.1",
  port: 8080,
  protocol: "tcp",
  containerPort: 80,
  servicePort: null,
  portName: null,
  state: "ready",
  health: "none",
  missing: [],
  created: 1_000,
  version: "1",
  image: "web:1",
  tags: ["a", "b"],
  meta: { team: "red" },
  routes: [],
  weight: null,
  checks: [],
  albTargetGroups: [],
  drain: null,
  app: "web",
  named: false,
  notes: [],
};

/** The `n`-th of any number of plain instances, no two of which share an id, a task or an endpoint. */
export function instance(n: number, changes: Partial<Instance> = {}): Instance {
  return { ...PLAIN, id: `task${n}:80`, task: `task${n}`, port: 10_000 + n, ...changes };
}

export function fleet(size: number): readonly Instance[] {
  return Array.from({ length: size }, (_, index) => instance(index));
}

/** Checks of every kind that run against nothing that listens. */
export function check(changes: Partial<Check> = {}): Check {
  return {
    type: "http",
    target: "/health",
    method: null,
    interval: 10_000,
    timeout: 1000,
    deregisterAfter: null,
    ttl: null,
    tls: { use: false, skipVerify: false },
    initialStatus: null,
    ...changes,
  };
}

const anyCheck = fc
  .record({
    type: fc.constantFrom<Check["type"]>("http", "https", "tcp", "grpc", "ttl"),
    interval: fc.constantFrom(null, 10_000, 30_000),
    timeout: fc.constantFrom(null, 2000),
    initialStatus: fc.constantFrom<Check["initialStatus"]>(null, "passing"),
  })
  .map((changes) => check({ ...changes, target: changes.type.startsWith("http") ? "/health" : "", ttl: 60_000 }));

const word = fc.stringMatching(/^[a-z][a-z0-9]{0,6}$/);

/** Any fleet over a few ids, so that two fleets have entries in common that differ. */
export const anyFleet: fc.Arbitrary<readonly Instance[]> = fc
  .uniqueArray(
    fc.record({
      n: fc.nat(5),
      service: fc.constantFrom("web", "api", "db"),
      port: fc.integer({ min: 1, max: 65_535 }),
      protocol: fc.constantFrom("tcp", "udp"),
      tags: fc.array(word, { maxLength: 3 }),
      meta: fc.dictionary(word, fc.string({ unit: "grapheme", maxLength: 20 }), { maxKeys: 3 }),
      weight: fc.constantFrom(null, 1, 10),
      health: fc.constantFrom("none", "passing"),
      checks: fc.array(anyCheck, { maxLength: 2 }),
    }),
    { selector: ({ n }) => n, maxLength: 6 },
  )
  .map((all) => all.map(({ n, ...changes }) => instance(n, changes)));
