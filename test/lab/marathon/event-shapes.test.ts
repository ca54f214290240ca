import * as v from "valibot";
import { describe, expect, it } from "vitest";
import type { Json } from "../../../src/model.ts";
import { aDay } from "./day.ts";
import { marathonFixture, marathonFixtures } from "./fixtures.ts";
import { type Kind, kindOf, surplus } from "./shape.ts";
import { MARATHON_VERSIONS, type MarathonVersion } from "./versions.ts";
import type { MarathonEvent } from "./world.ts";

const FieldTable = v.object({
  common: v.array(v.string()),
  events: v.record(v.string(), v.array(v.object({ versions: v.string(), fields: v.array(v.string()) }))),
});
const table = v.parse(FieldTable, marathonFixture("event-fields.json"));

interface Fields {
  readonly required: readonly string[];
  readonly optional: readonly string[];
}

/** `1.4` → 104. The table's 1.3.1 is older than the 1.3 that is played. */
function number(version: string): number {
  const [major = "0", minor = "0"] = version.split(".");
  return Number(major) * 100 + Number(minor);
}

/** `0.8-1.3`, `1.0/1.1-1.3`, `1.4+`, `1.7`. */
function covers(range: string, version: MarathonVersion): boolean {
  const [first = "", last = range.endsWith("+") ? "99.0" : first] = range
    .replace(/\/[\d.]+/, "")
    .replace("+", "")
    .split("-");
  return number(first) <= number(version) && number(version) <= number(last);
}

/** What an event of this type has in this version; undefined: there is none of this type. */
function fieldsOf(eventType: string, version: MarathonVersion): Fields | undefined {
  const key = Object.keys(table.events).find((types) => types.split("|").includes(eventType));
  const row = table.events[key ?? ""]?.find(({ versions }) => covers(versions, version));
  if (row === undefined) return undefined;
  const parsed = row.fields.map((field) => ({ name: /^\w+/.exec(field)?.[0] ?? "", isOptional: field.includes("?") }));
  return {
    required: [...table.common, ...parsed.filter(({ isOptional }) => !isOptional).map(({ name }) => name)],
    optional: parsed.filter(({ isOptional }) => isOptional).map(({ name }) => name),
  };
}

/** Kinds that a field of an event has in the examples that are true to Marathon's source. */
function kindsIn(eventType: string): ReadonlyMap<string, ReadonlySet<Kind | "absent">> {
  const kinds = new Map<string, Set<Kind | "absent">>();
  for (const { path, json } of marathonFixtures()) {
    if (!/^events\/(derived|captured|event-bus-mock)\//.test(path) || !path.includes(`/${eventType}.`)) continue;
    for (const [field, value] of Object.entries(json as Readonly<Record<string, Json>>)) {
      kinds.set(field, (kinds.get(field) ?? new Set()).add(kindOf(value)));
    }
  }
  return kinds;
}

const kindsOfTypes = new Map<string, ReturnType<typeof kindsIn>>();

function wrongKinds(event: MarathonEvent): readonly string[] {
  const kinds = kindsOfTypes.get(event.eventType) ?? kindsIn(event.eventType);
  kindsOfTypes.set(event.eventType, kinds);
  return Object.entries(event).flatMap(([field, value]) =>
    (kinds.get(field)?.has(kindOf(value)) ?? true) ? [] : [`${event.eventType}.${field} is ${kindOf(value)}`],
  );
}

describe.each(MARATHON_VERSIONS)("events of Marathon %s", (version) => {
  const { events } = aDay({ version, stepMs: 100 });
  const types = [...new Set(events.map(({ eventType }) => eventType))];

  it.each(types)("%s has the fields of this version and no others", (eventType) => {
    const fields = fieldsOf(eventType, version);
    const wanted = new Set(fields?.required);
    const allowed = new Set([...wanted, ...(fields?.optional ?? [])]);

    for (const event of events.filter((each) => each.eventType === eventType)) {
      const keys = Object.keys(event);
      expect(
        [...wanted].filter((field) => !keys.includes(field)),
        JSON.stringify(event),
      ).toEqual([]);
      expect(keys.filter((key) => !allowed.has(key))).toEqual([]);
    }
  });

  it("has values of the kinds that Marathon's have", () => {
    expect([...new Set(events.flatMap(wrongKinds))]).toEqual([]);
  });

  it("names actions under the key of its day, in plans heavy or light as of its day", () => {
    const model = marathonFixture(
      version === "1.7" || version === "1.8" || version === "1.10"
        ? "events/derived/deployment_success.1.8+light.json"
        : "events/event-bus-mock/deployment_success.pre1.4.json",
    );
    const plans = events.filter(({ eventType }) => eventType === "deployment_success");
    const [action] = plans.flatMap(
      (event) => JSON.stringify(event["plan"] ?? "").match(/"(type|action)":"\w+Application"/) ?? [],
    );

    expect(plans.length).toBeGreaterThan(0);
    if (version === "0.8") return expect(action).toBeUndefined();
    expect(action?.startsWith(number(version) <= 101 ? '"type"' : '"action"')).toBe(true);
    if (number(version) > 101)
      expect(surplus(plans[0], [model]).filter((path) => !path.includes("apps[]"))).toEqual([]);
  });

  it("stamps them in order, each a little later than the one before", () => {
    const stamps = events.map(({ timestamp }) => timestamp);
    const failover = events.findIndex(({ eventType }) => eventType === "scheduler_registered_event");

    expect(stamps.slice(0, failover)).toEqual(stamps.slice(0, failover).toSorted());
    expect(new Set(stamps.slice(0, failover)).size).toBe(failover);
  });
});

it("knows all types that Marathon publishes of its own accord", () => {
  const seen = new Set(
    MARATHON_VERSIONS.flatMap((version) => aDay({ version, stepMs: 100 }).events.map((event) => event.eventType)),
  );
  // Of the stream itself, of callbacks (gone in 1.5), of executors, and what 1.10 defines and never publishes.
  const others =
    /^(event_stream|subscribe|unsubscribe|framework_message|scheduler_(re|dis)|deployment_step_failure|group_change_failed)/;
  const all = Object.keys(table.events).flatMap((types) => types.split("|"));

  expect(all.filter((eventType) => !seen.has(eventType) && !others.test(eventType))).toEqual([]);
});
