import { describe, expect, it } from "vitest";
import { createCluster } from "./cluster.ts";
import { aDay } from "./day.ts";
import { CHECKED, heardCluster, WEB } from "./heard.ts";
import { MARATHON_VERSIONS } from "./versions.ts";

describe("determinism", () => {
  it.each(MARATHON_VERSIONS)("the same seed gives the same day, to the letter (%s)", (version) => {
    const day = (seed: number) => JSON.stringify(aDay({ version, seed, stepMs: 100 }).events);

    expect(day(4)).toBe(day(4));
    expect(day(4)).not.toBe(day(5));
  });
});

describe("deployments", () => {
  it("tell the definition of a new app before its service ports are assigned", () => {
    const { cluster, take } = heardCluster();

    cluster.deploy(WEB);

    const [post] = take("api_post_event");
    expect(post).toMatchObject({
      uri: "/v2/apps",
      appDefinition: { container: { portMappings: [{ servicePort: 0 }] } },
    });
    expect(cluster.truth()[0]?.endpoints[0]?.servicePort).toBe(10_000);
  });

  it("tell the definition of a changed app with its service ports, which it keeps", () => {
    const { cluster, take } = heardCluster();
    cluster.deploy(WEB);
    take();

    cluster.update("/shop/web", { labels: { a: "b" } });

    expect(take("api_post_event")).toMatchObject([
      { uri: "/v2/apps/shop/web", appDefinition: { container: { portMappings: [{ servicePort: 10_000 }] } } },
    ]);
  });

  it("after a restart from the UI replace all tasks, and no event tells the definition", () => {
    const { cluster, take } = heardCluster();
    cluster.deploy(WEB);
    const before = cluster.truth();
    take();

    cluster.restart("/shop/web");

    expect(take("api_post_event")).toEqual([]);
    expect(cluster.truth().map(({ task }) => task)).not.toEqual(before.map(({ task }) => task));
    expect(cluster.truth().every(({ version, running }) => running && version > (before[0]?.version ?? ""))).toBe(true);
  });

  it("start the new task before the old one is killed", () => {
    const { cluster, take } = heardCluster();
    cluster.deploy({ ...WEB, instances: 1 });
    take();

    cluster.restart("/shop/web");

    const statuses = take("status_update_event").map(({ taskStatus }) => taskStatus);
    expect(statuses.indexOf("TASK_RUNNING")).toBeLessThan(statuses.indexOf("TASK_KILLING"));
  });

  it("of scale alone leave running tasks and their version", () => {
    const { cluster } = heardCluster();
    cluster.deploy(WEB);
    const before = cluster.truth();

    cluster.scale("/shop/web", 3);

    expect(cluster.truth().slice(0, 2)).toEqual(before);
    expect(cluster.truth()[2]?.version).not.toBe(before[0]?.version);
  });

  it("wait until checks pass", () => {
    const { cluster, take, first } = heardCluster({ health: "manual" });
    cluster.deploy({ ...CHECKED, instances: 1 });
    expect(take("deployment_success")).toEqual([]);

    cluster.setHealth(first(), 0, true);
    expect(take("deployment_success")).toEqual([]);
    cluster.setHealth(first(), 1, true);

    expect(take("deployment_success")).toHaveLength(1);
  });

  it("end in a failure when another one overtakes them", () => {
    const { cluster, take } = heardCluster({ stepMs: 100 });
    cluster.deploy(WEB);

    cluster.restart("/shop/web");
    cluster.tick(10_000);

    expect(take().map(({ eventType }) => eventType)).toContain("deployment_failed");
    expect(cluster.truth().filter(({ running }) => running)).toHaveLength(2);
  });

  it("roll back to the definition before under a new version, without telling it", () => {
    const { cluster, take } = heardCluster();
    cluster.deploy(WEB);
    cluster.update("/shop/web", { container: null, networks: [{ mode: "host" }] });
    take();

    cluster.rollback("/shop/web");

    expect(take("api_post_event")).toEqual([]);
    expect(cluster.truth()[0]?.endpoints[0]?.containerPort).toBe(8080);
  });

  it("of a deletion kill all and say in the end that the app is terminated", () => {
    const { cluster, take } = heardCluster();
    cluster.deploy(WEB);
    take();

    cluster.destroy("/shop/web");

    const types = take().map(({ eventType }) => eventType);
    expect(types.slice(-3)).toEqual(["app_terminated_event", "deployment_step_success", "deployment_success"]);
    expect(types).not.toContain("api_post_event");
    expect(cluster.truth()).toEqual([]);
  });

  it("give the service port of a deleted app to the next", () => {
    const { cluster } = heardCluster();
    cluster.deploy(WEB);
    cluster.destroy("/shop/web");

    cluster.deploy({ ...WEB, id: "/other" });

    expect(cluster.truth()[0]?.endpoints[0]?.servicePort).toBe(10_000);
  });

  it("of a group start all its apps in one, with the ids of their groups", () => {
    const { cluster, take } = heardCluster();

    cluster.group({ id: "a", apps: [{ id: "one" }], groups: [{ id: "b", apps: [{ id: "two" }, { id: "/c" }] }] });

    expect(take("deployment_success")).toHaveLength(1);
    expect(new Set(cluster.truth().map(({ app }) => app))).toEqual(new Set(["/a/one", "/a/b/two", "/c"]));
  });
});

it("names what is not there", () => {
  const { cluster } = heardCluster();

  expect(() => cluster.scale("/nope", 2)).toThrow("there is no app or pod /nope; create it first");
  expect(() => cluster.crash("nope.1")).toThrow("there is no task nope.1; tasks() lists those that exist");
  expect(() => createCluster({ version: "2.0" as never })).toThrow("no version 2.0; use one of 0.8, 0.11");
});
