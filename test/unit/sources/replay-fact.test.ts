/** A recording must not lose anything: what replay reads of a line is the fact that was written there, field by field. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseFact } from "../../../adapters/sources/replay/fact.ts";
import type { AddressedFact, AssignedFact, DefinedFact, Fact, FactBase, PortBinding } from "../../../src/model.ts";

type Kind = Fact["kind"];
type FactOf<K extends Kind> = Extract<Fact, { readonly kind: K }>;
/** Everything that a fact has of its own, as arbitraries; the compiler sees to it that no field is left out. */
type FieldsOf<F extends Fact> = {
  readonly [K in Exclude<keyof F, keyof FactBase | "kind">]-?: fc.Arbitrary<Exclude<F[K], undefined>>;
};
type Optional = "standing" | "ports" | "created" | "allocated" | "ingress";

const text = fc.string({ unit: "grapheme", maxLength: 12 });
const some = fc.string({ minLength: 1, maxLength: 12 });
const maybe = fc.option(text, { nil: null });
const port = fc.integer({ min: 1, max: 65_535 });
const key = fc.oneof(text, fc.constantFrom("constructor", "prototype", "toString"));
const strings = fc.dictionary(key, text, { maxKeys: 3, noNullPrototype: true });
const protocol = fc.constantFrom<PortBinding["protocol"]>("tcp", "udp", "sctp");
const time = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

const binding: fc.Arbitrary<PortBinding> = fc.record({
  ...{ containerPort: fc.option(port, { nil: null }), protocol, hostAddress: text, hostPort: port },
  ...{ servicePort: fc.option(port, { nil: null }), portName: maybe },
});
const ingress = fc.array(fc.record({ containerPort: port, hostPort: port, protocol }));
const defined: FieldsOf<DefinedFact> = {
  ...{ definition: text, standing: fc.boolean(), app: text, version: maybe, name: text, image: maybe },
  ...{ labels: strings, environment: strings, healthChecked: fc.boolean() },
  expose: fc.constantFrom("published", "labelled"),
  ports: fc.array(
    fc.record({
      ...{ name: maybe, protocols: fc.array(protocol), containerPort: fc.option(port, { nil: null }) },
      ...{ servicePort: fc.option(port, { nil: null }), hasHostPort: fc.boolean(), labels: strings },
    }),
  ),
  ingress,
};
const assigned: FieldsOf<AssignedFact> = {
  ...{ task: some, definition: text, inherits: maybe, node: text, created: time },
};
const addressed: FieldsOf<AddressedFact> = {
  task: some,
  mode: fc.constantFrom("mapped", "host", "none", "shared"),
  bindings: fc.array(binding),
  networks: fc.array(
    fc.record({ name: text, address: text, reach: fc.constantFrom("node" as const, "overlay", "routable") }),
  ),
  exposed: fc.array(fc.record({ port, protocol })),
  allocated: fc.record({
    ...{ host: maybe, ports: fc.array(fc.record({ name: maybe, port })), addresses: fc.array(text) },
  }),
  ingress,
};
const FIELDS: { readonly [K in Kind]: FieldsOf<FactOf<K>> } = {
  ...{ defined, assigned, addressed },
  status: {
    ...{ task: some, reason: maybe },
    status: fc.constantFrom("staging", "running", "paused", "stopping", "stopped", "unreachable"),
  },
  health: { task: some, health: fc.constantFrom("passing", "failing", "unknown", "none") },
  gone: { task: some, reason: maybe },
  node: { node: text, address: maybe, state: fc.constantFrom("up", "down", "unknown") },
  resync: {},
  synced: { floor: time, trust: fc.constantFrom("node", "whole", "doubtful") },
  source: { state: fc.constantFrom("connected", "disconnected"), error: maybe },
  notice: { task: maybe, message: text },
};
const OPTIONAL = new Set<string>(["standing", "ports", "created", "allocated", "ingress"] satisfies Optional[]);

function facts(kind: Kind): fc.Arbitrary<Record<string, unknown>> {
  const fields: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
    ...FIELDS[kind],
    ...{ kind: fc.constant(kind), source: text, clock: time, at: time, via: text },
  };
  return fc.record({ ...fields }, { requiredKeys: Object.keys(fields).filter((key) => !OPTIONAL.has(key)) });
}

describe("a recorded fact", () => {
  it.each(Object.keys(FIELDS) as Kind[])("of the kind %s is read as it was written", (kind) => {
    fc.assert(
      fc.property(facts(kind), (fact) => {
        expect(parseFact(JSON.stringify(fact))).toEqual(JSON.parse(JSON.stringify(fact)));
      }),
      { numRuns: 200 },
    );
  });

  it("with a field of a wrong type is refused, not mended", () => {
    const fact = {
      kind: "assigned",
      source: "s",
      clock: 1,
      at: 1,
      via: "x",
      task: "t",
      definition: "d",
      inherits: null,
    };
    const labelled = { ...fact, kind: "defined", labels: { a: 1 } };
    expect(parseFact(JSON.stringify(labelled))).toMatch(/^not a fact: /);
    expect(parseFact(JSON.stringify({ ...fact, node: "n", created: "yesterday" }))).toMatch(/^not a fact: created: /);
  });
});
