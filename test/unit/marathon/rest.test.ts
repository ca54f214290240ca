/** Answers of all versions are read without loss of what matters for a task. */
import { describe, expect, it } from "vitest";
import { readApp, readAppAnswer, readApps } from "../../../adapters/sources/marathon/apps.ts";
import { type Fields, fieldsOf } from "../../../adapters/sources/marathon/fields.ts";
import { readPodStatus, readPodStatuses } from "../../../adapters/sources/marathon/pods.ts";
import type { AppReport, TaskReport } from "../../../adapters/sources/marathon/shapes.ts";
import { marathonFixture, marathonFixtures } from "../../lab/marathon/fixtures.ts";
import { webApp, webTask } from "./bench.ts";

/** All apps in answers, beside their JSON. */
const apps = marathonFixtures().flatMap(({ path, json }) => {
  const answer = path.startsWith("rest/") ? fieldsOf(json) : null;
  const found = answer === null ? [] : [answer["app"], ...((answer["apps"] as readonly unknown[] | undefined) ?? [])];
  return found
    .map(fieldsOf)
    .filter((app) => app !== null)
    .map((app, index) => [`${path} ${index}`, app] as const);
});

/** What the JSON says of a task, by the field table's names. */
function plain(task: Fields) {
  const results = (task["healthCheckResults"] as readonly (Fields | null)[] | undefined) ?? [];
  return {
    id: task["id"],
    host: task["host"] ?? null,
    agent: task["slaveId"] ?? null,
    version: task["version"] ?? null,
    ports: task["ports"] ?? [],
    addresses: ((task["ipAddresses"] as readonly Fields[] | undefined) ?? []).map((one) => one["ipAddress"]),
    alive: results.filter((result) => result?.["alive"] === true).length,
  };
}

function read({ id, host, agent, version, ports, addresses, alive }: TaskReport) {
  return { id, host, agent, version, ports: ports.map(({ port }) => port), addresses, alive };
}

describe("answers about apps", () => {
  it.each(apps)("are read whole: %s", (_, json) => {
    const report = readApp(json);
    if (json["id"] === undefined) {
      expect(report).toBeNull();
      return;
    }
    expect(report?.app).toBe(`/${String(json["id"]).replace(/^\//, "")}`);
    const tasks = (json["tasks"] as readonly Fields[] | undefined) ?? null;
    expect(report?.tasks?.map(read) ?? null).toEqual(tasks === null ? null : tasks.map(plain));
    if (json["version"] === undefined) return;
    const [definition] = report?.definitions ?? [];
    expect(definition).toMatchObject({
      version: json["version"],
      healthChecks: ((json["healthChecks"] as readonly unknown[] | undefined) ?? []).length,
    });
    expect(definition?.labels).toMatchObject((json["labels"] as Fields | undefined) ?? {});
  });

  it("are those of the whole listing, also where one app can't be read", () => {
    const listing = readApps({ apps: [webApp([webTask("TASK_RUNNING")]), { id: 7 }, "x"] });
    expect(listing?.apps.map(({ app }) => app)).toEqual(["/web"]);
    expect(listing?.isPartial).toBe(true);
    expect(readApps(marathonFixture("rest/linkerd/ApiTest.7.json"))).toEqual({
      apps: [],
      unreadable: [],
      isPartial: false,
    });
    expect(readApps(marathonFixture("rest/linkerd/ApiTest.8.json"))).toBeNull();
  });

  it("of linkerd's tests: killed and unhealthy tasks are told apart", () => {
    const report = readAppAnswer(marathonFixture("rest/linkerd/ApiTest.1.json"));
    expect(report?.tasks?.map(({ id, standing, alive, dead }) => `${id} ${standing} ${alive}/${dead}`)).toEqual([
      "booksId running 2/0",
      "booksId2 running 1/1",
      "booksId3 stopping 2/0",
      "booksId4 running 0/0",
      "booksId5 running 1/0",
    ]);
  });

  it.each([
    [{}, "staging"],
    [{ startedAt: "2015-06-24T14:57:06.466Z" }, "running"],
    [{ state: "TASK_STAGING", startedAt: "2015-06-24T14:57:06.466Z" }, "staging"],
    [{ state: "TASK_LOST" }, "unreachable"],
    [{ state: "TASK_GONE_BY_OPERATOR" }, "ended"],
    [{ state: "TASK_OF_TOMORROW" }, null],
  ])("tell a task's standing by its state, or up to 1.1 by its start: %j", (fields, standing) => {
    expect(readApp({ id: "/a", tasks: [{ id: "a.1", ...fields }] })?.tasks?.[0]?.standing).toBe(standing);
  });

  const checks = [{ name: "ready" }];
  const deployments = [{ id: "1" }];
  it.each<[string, Fields, boolean | null]>([
    ["none is declared", { deployments }, true],
    ["nothing is deployed", { readinessChecks: checks, deployments: [] }, true],
    ["there is no result yet", { readinessChecks: checks, deployments }, null],
    [
      "it says no",
      { readinessChecks: checks, deployments, readinessCheckResults: [{ taskId: webTask("")["id"], ready: false }] },
      false,
    ],
    [
      "it says yes",
      { readinessChecks: checks, deployments, readinessCheckResults: [{ taskId: webTask("")["id"], ready: true }] },
      true,
    ],
    ["the task is one of before", { readinessChecks: checks, deployments, version: "2020-01-01T00:00:00.000Z" }, true],
  ])("tell readiness where %s", (_, fields, ready) => {
    expect(readApp(webApp([webTask("TASK_RUNNING")], fields))?.tasks?.[0]?.ready).toBe(ready);
  });
});

describe("answers about pods", () => {
  const pod: Fields = {
    id: "/shop/pod",
    spec: {
      id: "/shop/pod",
      version: "2019-10-22T23:25:58.001Z",
      labels: { a: "pod", b: "pod" },
      containers: [
        {
          name: "front",
          labels: { b: "front" },
          image: { id: "acme/front:1" },
          healthCheck: {},
          endpoints: [{ name: "web", hostPort: 0, containerPort: 80 }],
        },
        { name: "helper" },
      ],
    },
    instances: [
      {
        id: "shop_pod.instance-1",
        agentHostname: "10.0.12.10",
        agentId: "S0",
        specReference: "/v2/pods/shop/pod::versions/2019-10-22T00:00:00.000Z",
        networks: [{ name: "dcos", addresses: ["9.0.1.2"] }],
        containers: [
          {
            name: "front",
            status: "TASK_RUNNING",
            containerId: "shop_pod.instance-1.front.1",
            endpoints: [{ name: "web", allocatedHostPort: 31_000, healthy: true }],
          },
          {
            name: "helper",
            status: "TASK_KILLING",
            containerId: "shop_pod.instance-1.helper.1",
            conditions: [{ name: "healthy", value: "false" }],
          },
        ],
      },
    ],
  };

  it("have a task and a definition for each container", () => {
    const report = readPodStatus(pod) as AppReport;
    expect(report.tasks).toMatchObject([
      {
        id: "shop_pod.instance-1.front.1",
        version: "2019-10-22T00:00:00.000Z",
        host: "10.0.12.10",
        ports: [{ name: "web", port: 31_000 }],
        addresses: ["9.0.1.2"],
        standing: "running",
        alive: 1,
        dead: 0,
      },
      { id: "shop_pod.instance-1.helper.1", standing: "stopping", alive: 0, dead: 1 },
    ]);
    expect(report.definitions).toMatchObject([
      {
        container: "front",
        name: "shop-pod",
        image: "acme/front:1",
        labels: { a: "pod", b: "front" },
        healthChecks: 1,
      },
      { container: "helper", name: "shop-pod", ports: [], healthChecks: 0 },
    ]);
  });

  it("of go-marathon's tests are read", () => {
    const listing = readPodStatuses(marathonFixture("rest/go-marathon/GET_v2_pods_status.json"));
    expect(listing?.apps).toMatchObject([
      {
        app: "/fake-pod",
        tasks: [
          {
            id: "fake-pod.instance-dc6cfe60-6812-11e7-a18e-70b3d5800003.container1",
            host: "192.168.99.100",
            version: "2017-07-13T21:33:07.389Z",
            standing: "running",
          },
        ],
      },
    ]);
    expect(readPodStatuses({ message: "no" })).toBeNull();
  });
});
