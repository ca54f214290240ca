import { describe, expect, it } from "vitest";
import type { Json } from "../../../src/model.ts";
import { type Cluster, createCluster } from "./cluster.ts";
import { aDay } from "./day.ts";
import { marathonFixture } from "./fixtures.ts";
import { read } from "./routes.ts";
import { lacking, surplus } from "./shape.ts";
import { MARATHON_VERSIONS } from "./versions.ts";

function get({ traits, state }: Cluster, path: string): Json {
  const [pathname = "", query] = path.split("?");
  const answer = read({ traits, state, listed: state, leader: "127.0.0.1:8080" }, pathname, new URLSearchParams(query));
  expect(answer.status, path).toBe(200);
  return answer.body;
}

/** `at(body, "apps", 0, "id")` */
function at(value: Json | undefined, ...keys: readonly (string | number)[]): Json | undefined {
  let found: Json | undefined = value;
  for (const key of keys) found = (found as Readonly<Record<string | number, Json>> | undefined)?.[key];
  return found;
}

function appNamed(body: Json, id: string): Json | undefined {
  return (at(body, "apps") as readonly Json[]).find((app) => at(app, "id") === id);
}

describe("REST of 1.5 and later", () => {
  const { cluster } = aDay({ version: "1.5" });
  const captured = at(marathonFixture("rest/marathon-lb/marathon15_apps.json"), "apps", 0);

  it("shows an app as 1.5 did", () => {
    const app = appNamed(get(cluster, "/v2/apps?embed=apps.tasks"), "/shop/web");

    // Its command and its labels were its own.
    expect(lacking(app, captured).filter((path) => !/^\.(cmd:|labels\.)/.test(path))).toEqual([]);
  });

  it("shows an app as 1.5 did, and nothing that 1.5 did not", () => {
    const app = appNamed(get(cluster, "/v2/apps?embed=apps.tasks"), "/shop/web");
    const others = [
      at(marathonFixture("rest/go-marathon/GET_v2_apps_fake_app.json"), "app"),
      marathonFixture("rest/marathon-docs/app_task.json"),
      { healthChecks: [{ delaySeconds: 15, ipProtocol: "IPv4", ignoreHttp1xx: false }] },
      { tasks: [{ healthCheckResults: [{ instanceId: "of 1.4 and later", lastFailureCause: "" }] }] },
    ];

    expect(surplus(app, [captured, ...others])).toEqual([]);
  });

  it("shows a definition at a version plain, without tasks and counts", () => {
    const version = String(at(get(cluster, "/v2/apps/shop/web"), "app", "version"));
    const definition = get(cluster, `/v2/apps/shop/web/versions/${version}`);

    expect(at(definition, "id")).toBe("/shop/web");
    expect(at(definition, "version")).toBe(version);
    expect(Object.keys(definition as object)).not.toContain("tasks");
    expect(Object.keys(definition as object)).not.toContain("tasksRunning");
  });
});

describe("REST up to 1.4", () => {
  it("shows an app as a 1.4 that was captured", () => {
    const { cluster } = aDay({ version: "1.4" });
    const captured = at(
      marathonFixture("events/event-bus-mock/deployment_success.pre1.4.json"),
      ...["plan", "target", "apps", 0],
    );
    const app = at(get(cluster, "/v2/apps/shop/web"), "app");

    expect(lacking(app, captured).filter((path) => !path.startsWith(".env."))).toEqual([
      ".healthChecks[].port: absent, not number",
    ]);
  });

  it("shows tasks as the users of 0.x saw them", () => {
    const { cluster } = aDay({ version: "0.11" });
    const captured = at(marathonFixture("rest/marathon-consul/app.json"), "app");
    const app = at(get(cluster, "/v2/apps/shop/web"), "app");

    expect(lacking(app, captured).filter((path) => !/^\.(labels|cmd)/.test(path))).toEqual([]);
    expect(at(app, "tasks", 0, "state")).toBeUndefined();
  });
});

describe("REST of 1.8", () => {
  const { cluster } = aDay({ version: "1.8" });

  it.each([
    ["/v2/apps/shop/web/tasks", "marathon-docs/app_tasks.json"],
    ["/v2/tasks", "marathon-docs/tasks.json"],
    ["/v2/leader", "go-marathon/GET_v2_leader.json"],
    ["/v2/apps/shop/web/versions", "go-marathon/GET_v2_apps_fake_app_versions.json"],
    ["/v2/pods/shop/pod::versions", "go-marathon/GET_v2_pods_fake_pod_versions.json"],
  ])("%s is shaped as %s", (path, fixture) => {
    expect(lacking(get(cluster, path), marathonFixture(`rest/${fixture}`))).toEqual([]);
  });

  it("shows a pod's status as it was captured", () => {
    const model = marathonFixture("rest/go-marathon/GET_v2_pods_fake_pod_status.json");
    const status = get(cluster, "/v2/pods/shop/pod::status");

    expect(lacking(status, model).filter((path) => !/^\.spec\.(user|environment|labels|secrets)/.test(path))).toEqual(
      [],
    );
    expect(
      surplus(status, [model, { instances: [{ agentId: "1.6 and later" }], spec: { labels: { owner: "" } } }]),
    ).toEqual([]);
    expect(get(cluster, "/v2/pods/::status")).toEqual([status]);
  });

  it("lists endpoints with a host port first, whatever their order in the definition", () => {
    const endpoints = at(get(cluster, "/v2/pods/shop/pod::status"), "instances", 0, "containers", 0, "endpoints");

    expect(endpoints).toEqual([
      { name: "web", allocatedHostPort: expect.any(Number), healthy: true },
      { name: "internal", healthy: true },
    ]);
  });

  it("nests groups", () => {
    const root = get(cluster, "/v2/groups?embed=group.groups&embed=group.apps");

    expect((at(root, "groups") as readonly Json[]).map((group) => at(group, "id"))).toEqual(["/shop", "/tools"]);
    expect(at(get(cluster, "/v2/groups/tools"), "groups", 0, "apps", 0, "id")).toBe("/tools/ci/runner");
  });

  it("shows running deployments, and which apps they change", () => {
    const { cluster: busy } = aDay({ version: "1.8", health: "manual" });
    const [first] = get(busy, "/v2/deployments") as readonly Json[];
    const model = at(marathonFixture("rest/marathon-docs/deployments.json"), 0);

    expect(lacking(first, model).filter((path) => !path.includes("readinessCheckResults"))).toEqual([]);
    expect(surplus(first, [model])).toEqual([]);
  });

  it("shows readiness during deployments only, and not before a check has answered", () => {
    const busy = createCluster({ health: "manual" });
    busy.deploy({ id: "/app", readinessChecks: [{ name: "ready" }] });
    const [task = ""] = busy.tasks();
    const results = () => at(get(busy, "/v2/apps/app?embed=app.readiness"), "app", "readinessCheckResults");

    expect(results()).toEqual([]);
    busy.setReady(task, false);
    const model = at(marathonFixture("rest/go-marathon/GET_v2_apps_embed_apps.readiness.json"), "apps", 0);
    expect(lacking(results(), at(model, "readinessCheckResults"))).toEqual([]);
    expect(at(results(), 0, "ready")).toBe(false);
    busy.setReady(task, true);
    expect(results()).toEqual([]);
    expect(busy.state.deployments).toEqual([]);
  });

  it("tells of itself what clients read of it", () => {
    const model = marathonFixture("rest/marathon-docs/info.json");

    expect(surplus(get(cluster, "/v2/info"), [model])).toEqual([]);
    expect(at(get(cluster, "/v2/info"), "frameworkId")).toBe(cluster.frameworkId);
  });
});

describe.each(MARATHON_VERSIONS)("REST of %s", (version) => {
  it("lists every task that runs, in one listing and app by app", () => {
    const { cluster } = aDay({ version });
    const running = cluster.truth().filter(({ kind }) => kind === "app");
    const apps = at(get(cluster, "/v2/apps?embed=apps.tasks"), "apps") as readonly Json[];
    const listed = apps.flatMap((app) => at(app, "tasks") as readonly Json[]);
    const facts = listed.map((task) => [at(task, "id"), at(task, "appId"), at(task, "host"), at(task, "version")]);

    expect(running.length).toBeGreaterThan(5);
    expect(new Set(facts)).toEqual(new Set(running.map(({ task, app, host, version: own }) => [task, app, host, own])));
  });
});
