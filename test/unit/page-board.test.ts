import { describe, expect, it } from "vitest";
import { type Filter, rowsOf, type Service, servicesOf } from "../../page/src/board.ts";
import { stateOf } from "../../page/src/states.ts";
import { mergeRegistries, troublesOf } from "../../page/src/troubles.ts";
import { registration, registryView, view } from "./page-fixture.ts";

const ALL: Filter = { query: "", state: null };
const REGISTRIES = ["consul", "kong"];
const NONE: ReadonlySet<string> = new Set();
const names = (services: readonly Service[]) => services.map(({ name }) => name);

describe("the state of an instance", () => {
  it("is the worst of what it is in its registries", () => {
    expect(stateOf(view())).toBe("registered");
    expect(stateOf(view({ registries: { consul: registration("registered"), kong: registration("failed") } }))).toBe(
      "failed",
    );
    expect(stateOf(view({ registries: { consul: registration("registered"), kong: registration("pending") } }))).toBe(
      "pending",
    );
  });

  it("is not bad because it does not belong somewhere", () => {
    const registries = { consul: registration("registered"), kong: registration("not-applicable") };
    expect(stateOf(view({ registries }))).toBe("registered");
  });

  it("is draining wherever it still is or is out already, but for what failed", () => {
    expect(stateOf(view({ state: "draining", registries: { consul: registration("pending") } }))).toBe("draining");
    expect(stateOf(view({ state: "draining", registries: { consul: registration("failed") } }))).toBe("failed");
  });
});

describe("services", () => {
  const failing = view({ id: "z", service: "zeta", registries: { kong: registration("failed") } });
  const waiting = view({
    id: "m",
    service: "mid",
    state: "pending",
    missing: ["health"],
    registries: { consul: registration("pending") },
  });
  const fleet = [view({ id: "a", service: "alpha" }), waiting, view({ id: "z2", service: "zeta" }), failing];

  it("come failures first, then what waits, then by name; and so do their instances", () => {
    const services = servicesOf(fleet, REGISTRIES, ALL);
    expect(names(services)).toEqual(["zeta", "mid", "alpha"]);
    expect(services[0]?.instances.map(({ id }) => id)).toEqual(["z", "z2"]);
    expect(services[0]?.cells).toEqual({ consul: { registered: 1, none: 1 }, kong: { failed: 1, registered: 1 } });
  });

  it("are found by all words of a search, wherever they are, and by state", () => {
    const found = (query: string, state: Filter["state"] = null) =>
      names(servicesOf(fleet, REGISTRIES, { query, state }));
    expect(found("  HEALTH mid ")).toEqual(["mid"]);
    expect(found("10.0.0.1:80")).toEqual(["zeta", "mid", "alpha"]);
    expect(found("mid nowhere")).toEqual([]);
    expect(found("", "failed")).toEqual(["zeta"]);
    expect(found("alpha", "failed")).toEqual([]);
  });

  it("that are called like something of every object are services like all others", () => {
    const services = servicesOf([view({ service: "constructor" }), view({ service: "__proto__" })], ["toString"], ALL);
    expect(names(services)).toEqual(["__proto__", "constructor"]);
    expect(services[0]?.cells["toString"]).toEqual({ none: 1 });
  });

  it("are closed until somebody opens them, and open by themselves where a search finds few", () => {
    const kinds = (filter: Filter, toggled = NONE) =>
      rowsOf(servicesOf(fleet, REGISTRIES, filter), filter, toggled).map(({ kind }) => kind);
    expect(kinds(ALL)).toEqual(["service", "service", "service"]);
    expect(kinds(ALL, new Set(["mid"]))).toEqual(["service", "service", "instance", "service"]);
    expect(kinds({ query: "alpha", state: null })).toEqual(["service", "instance"]);
    expect(kinds({ query: "alpha", state: null }, new Set(["alpha"]))).toEqual(["service"]);
  });
});

describe("troubles", () => {
  it("are none where all is well", () => {
    expect(troublesOf({ sources: [], registries: [registryView("consul")] }, [view()])).toEqual([]);
  });

  it("tell one error of many instances once, with all of these", () => {
    const refused = (id: string) => view({ id, registries: { kong: registration("failed", "409 conflict") } });
    const [trouble, ...others] = troublesOf({ sources: [], registries: [] }, [refused("a"), refused("b"), view()]);
    expect(others).toEqual([]);
    expect(trouble).toMatchObject({ title: "2 registrations failed in kong", detail: "409 conflict" });
    expect(trouble?.instances.map(({ id }) => id)).toEqual(["a", "b"]);
  });

  it("have lost sources and failing registries before all else", () => {
    const sources = [
      { name: "docker", state: "disconnected" as const, synced: true, lastSynced: null, facts: 1, error: "gone" },
    ];
    const registries = [
      { ...registryView("consul"), state: "failing" as const, error: "no answer" },
      { ...registryView("kong"), guard: "12 of 14" },
    ];
    const troubles = troublesOf({ sources, registries }, [view({ registries: { consul: registration("failed") } })]);
    expect(troubles.map(({ title }) => title)).toEqual([
      "docker can’t be heard",
      "consul fails",
      "kong: a mass removal is held back",
      "1 registration failed in consul",
    ]);
  });
});

describe("registries", () => {
  it("of one name, a leader's, are one for people: as bad as the worse, and as old as the older", () => {
    const node = registryView("consul");
    const cluster = {
      ...node,
      state: "failing" as const,
      failed: 2,
      lastCleanPass: "2026-11-20T00:00:00.000Z",
      error: "503",
    };
    expect(mergeRegistries([node, registryView("kong"), cluster])).toEqual([
      { ...cluster, registered: 2, lastListing: node.lastListing },
      registryView("kong"),
    ]);
    expect(mergeRegistries([node, { ...node, lastCleanPass: null }])[0]?.lastCleanPass).toBeNull();
  });
});
