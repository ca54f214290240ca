/** Whatever Marathon answers or sends: not understood is said to be so, and never looks like an empty listing. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readAppAnswer, readApps } from "../../adapters/sources/marathon/apps.ts";
import { eventOf, readEvent } from "../../adapters/sources/marathon/events.ts";
import { definedFact } from "../../adapters/sources/marathon/facts.ts";
import { fieldsOf } from "../../adapters/sources/marathon/fields.ts";
import { readPodSpec, readPodStatus, readPodStatuses } from "../../adapters/sources/marathon/pods.ts";
import { createSseReader } from "../../adapters/sources/marathon/sse.ts";
import type { Fact, PortDeclaration } from "../../src/model.ts";
import { createWorld } from "../../src/world.ts";
import { marathonFixture, marathonFixtures } from "../lab/marathon/fixtures.ts";
import { junk, mutated, noise } from "./junk.ts";

const APPS = [
  "rest/go-marathon/GET_v2_apps.json",
  "rest/marathon-lb/marathon15_apps.json",
  "rest/marathon-consul/apps.json",
];
const PODS = marathonFixture("rest/go-marathon/GET_v2_pods_status.json");
const EVENTS = marathonFixtures().flatMap(({ path, json }) =>
  path.startsWith("events/") && json !== undefined ? [json] : [],
);

const anyOf = (all: readonly unknown[]) => fc.constantFrom(...all).chain(mutated);

function expectSound({ protocols, containerPort, servicePort }: PortDeclaration): void {
  expect(protocols.length).toBeGreaterThan(0);
  for (const port of [containerPort, servicePort]) expect(port === null || (port > 0 && port < 65_536)).toBe(true);
}

describe("listings", () => {
  it("of apps are all there, said to be partial, or none at all; the core takes what is made of them", () => {
    fc.assert(
      fc.property(fc.oneof(anyOf(APPS.map(marathonFixture)), junk), (json) => {
        const listing = readApps(json);
        const apps = fieldsOf(json)?.["apps"];
        expect(listing === null).toBe(!Array.isArray(apps));
        if (listing === null || !Array.isArray(apps)) return;
        expect(listing.isPartial).toBe(listing.apps.length < apps.length);
        const world = createWorld({ sources: ["marathon"] });
        for (const definition of listing.apps.flatMap((app) => app.definitions)) {
          const content = definedFact(definition, { framework: "m", expose: "published" }, true);
          world.join({ ...content, source: "marathon", clock: 1, at: 1, via: "junk" } as Fact);
          for (const port of definition.ports) expectSound(port);
        }
        expect(() => world.hasService("x")).not.toThrow();
      }),
      { numRuns: 150 },
    );
  });

  it("of pods, and answers about one app or pod, as well", () => {
    fc.assert(
      fc.property(fc.oneof(mutated(PODS), anyOf(APPS.map(marathonFixture)), junk), (json) => {
        const listing = readPodStatuses(json);
        expect(listing === null).toBe(!Array.isArray(json));
        if (listing !== null && Array.isArray(json)) expect(listing.isPartial).toBe(listing.apps.length < json.length);
        for (const read of [readAppAnswer, readPodStatus]) expect(read(json)?.app ?? "/").toMatch(/^\//);
        readPodSpec(fieldsOf(json) ?? {});
      }),
      { numRuns: 150 },
    );
  });
});

describe("events", () => {
  it("that are changed anywhere are events, or a line says what they lack", () => {
    fc.assert(
      fc.property(fc.oneof(anyOf(EVENTS), junk), (json) => {
        const event = eventOf(json, "status_update_event");
        if (typeof event === "string") expect(event).toMatch(/^an event [^\n]{1,6000}$/);
        else expect(typeof event.kind).toBe("string");
      }),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(noise, (text) => {
        expect(readEvent("x", text)).toMatch(/^an event that is not/);
      }),
    );
  });

  const line = fc.oneof(
    noise,
    fc.constantFrom("event: a", "data: 1", "data", ":", "id: 7", "", "\r", "\uFEFF", "data:\u0000"),
  );

  it("between garbage are heard, however the bytes are cut, and none is larger than the limit", () => {
    const stream = fc
      .array(line, { maxLength: 12 })
      .map((lines) => Buffer.from(`${lines.join("\n")}\n\nevent: last\ndata: 1\n\n`));
    fc.assert(
      fc.property(stream, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (bytes, cuts) => {
        const heard = (sizes: readonly number[]) => {
          const events: (readonly [string, string])[] = [];
          const reader = createSseReader(
            (type, data) => void events.push([type, data]),
            () => {},
            64,
          );
          for (let at = 0, cut = 0; at < bytes.length; cut++) {
            const size = sizes[cut % sizes.length] ?? 1;
            reader.push(bytes.subarray(at, at + size));
            at += size;
          }
          return events;
        };
        const events = heard(cuts);
        expect(events).toEqual(heard([bytes.length]));
        expect(events.at(-1)).toEqual(["last", "1"]);
        for (const [, data] of events) expect(data.length).toBeLessThanOrEqual(64);
      }),
      { numRuns: 200 },
    );
  });
});
