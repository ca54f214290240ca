/** Every file of the fixtures is read by the source's own parsers; the few that have nothing for it are named. */
import { describe, expect, it } from "vitest";
import { readAppAnswer, readApps, readDefinition } from "../../../adapters/sources/marathon/apps.ts";
import { eventOf } from "../../../adapters/sources/marathon/events.ts";
import { type Fields, fieldsOf, objects } from "../../../adapters/sources/marathon/fields.ts";
import { readTaskId } from "../../../adapters/sources/marathon/ids.ts";
import { readPodSpec } from "../../../adapters/sources/marathon/pods.ts";
import { createSseReader } from "../../../adapters/sources/marathon/sse.ts";
import { readTask } from "../../../adapters/sources/marathon/tasks.ts";
import { marathonFixtures } from "../../lab/marathon/fixtures.ts";

/**
 * Answers about other things than apps, pods and tasks (deployments, tokens, versions), errors, and examples that are cut down
 * to nothing: apps without an id, pods without containers, tasks without a place.
 */
const NOTHING_IN_IT = [
  "event-fields.json",
  "rest/go-marathon/GET_v2_apps_cmd_nginx.json",
  "rest/go-marathon/GET_v2_apps_embed_apps.taskStats.json",
  "rest/go-marathon/GET_v2_apps_fake_app.wait-on-app.json",
  "rest/go-marathon/GET_v2_apps_fake_app_tasks.json",
  "rest/go-marathon/GET_v2_apps_fake_app_versions.json",
  "rest/go-marathon/GET_v2_deployments.json",
  "rest/go-marathon/GET_v2_deployments.v1.1.1.json",
  "rest/go-marathon/GET_v2_eventSubscriptions.json",
  "rest/go-marathon/GET_v2_info.json",
  "rest/go-marathon/GET_v2_leader.json",
  "rest/go-marathon/GET_v2_pods.json",
  "rest/go-marathon/GET_v2_pods_fake_pod.json",
  "rest/go-marathon/GET_v2_pods_fake_pod_versions.json",
  "rest/go-marathon/GET_v2_pods_fake_pod_versions_2014_08_18T22_36_41.451Z.json",
  "rest/go-marathon/GET_v2_tasks_status_staging.json",
  "rest/linkerd/ApiTest.7.json",
  "rest/linkerd/ApiTest.8.json",
  "rest/linkerd/AuthenticatorTest.0.json",
  "rest/linkerd/AuthenticatorTest.1.json",
  "rest/marathon-docs/deployment_steps.json",
  "rest/marathon-docs/deployments.json",
  "rest/marathon-docs/deployments_result.json",
  "rest/marathon-docs/info.json",
  "rest/prometheus/marathon_test.0.json",
];

/** Everything in an answer that looks like an object, itself first. */
function* within(json: unknown): Generator<Fields> {
  const object = fieldsOf(json);
  if (object !== null) yield object;
  const values = Array.isArray(json) ? json : Object.values(object ?? {});
  for (const value of values) yield* within(value);
}

const isTask = (json: Fields) => typeof json["id"] === "string" && ("slaveId" in json || "stagedAt" in json);
const isPod = (json: Fields) => typeof json["id"] === "string" && objects(json, "containers").some(({ name }) => name);
const isApp = (json: Fields) =>
  typeof json["id"] === "string" &&
  !isTask(json) &&
  !isPod(json) &&
  ["cmd", "cpus", "instances"].some((key) => key in json);

function checkTask(json: Fields): void {
  const task = readTask(json, "", () => null);
  const results = objects(json, "healthCheckResults");
  expect(task).toMatchObject({
    ...{ id: json["id"], host: json["host"] ?? null, agent: json["slaveId"] ?? null },
    version: json["version"] ?? null,
    ports: ((json["ports"] as readonly number[] | undefined) ?? []).map((port) => ({ name: null, port })),
    addresses: objects(json, "ipAddresses").map(({ ipAddress }) => ipAddress),
    alive: results.filter(({ alive }) => alive === true).length,
    ready: null,
    isGuess: json["state"] === undefined,
  });
  expect(readTaskId(String(json["id"]), task?.app ?? "").instance).not.toBe("");
}

function checkApp(json: Fields): void {
  // What is posted has no version yet, which Marathon gives it.
  const definition = readDefinition({ version: "2019-10-22T23:25:58.001Z", ...json });
  const container = fieldsOf(json["container"]) ?? {};
  const mappings = [
    ...objects(container, "portMappings"),
    ...objects(fieldsOf(container["docker"]) ?? {}, "portMappings"),
  ];
  const labels = fieldsOf(json["labels"]) ?? {};
  expect(definition?.app).toBe(`/${String(json["id"]).replace(/^\//, "")}`);
  expect(definition?.labels).toMatchObject(labels);
  expect(definition?.healthChecks).toBe(objects(json, "healthChecks").length);
  expect(definition?.resident).toBe(fieldsOf(json["residency"]) !== null);
  for (const { containerPort } of isMapped(json) ? mappings : [])
    expect(definition?.ports.map((port) => port.containerPort ?? 0)).toContain(containerPort);
}

/** On the host's network mappings mean nothing. */
function isMapped(json: Fields): boolean {
  const networks = objects(json, "networks");
  const docker = fieldsOf(fieldsOf(fieldsOf(json["container"])?.["docker"])) ?? {};
  if (networks.length > 0) return networks.some(({ mode }) => mode !== "host");
  return docker["network"] === "BRIDGE" || docker["network"] === "USER" || fieldsOf(json["ipAddress"]) !== null;
}

function checkPod(json: Fields): void {
  const definitions = readPodSpec({ version: "2019-10-22T23:25:58.001Z", ...json });
  const containers = objects(json, "containers");
  expect(definitions.map(({ container }) => container)).toEqual(containers.map(({ name }) => name));
  const endpoints = containers.map((container) => objects(container, "endpoints").map(({ name }) => name));
  expect(definitions.map(({ ports }) => ports.map(({ name }) => name))).toEqual(endpoints);
}

/** @returns how many things were read in it */
function check(json: unknown): number {
  // Those with little more than an id are read as well (rest.test.ts compares what all of them have).
  let count = (readApps(json)?.apps.length ?? 0) + (readAppAnswer(json) === null ? 0 : 1);
  for (const part of within(json)) {
    const [[, found] = []] = (
      [
        [isTask, checkTask],
        [isPod, checkPod],
        [isApp, checkApp],
      ] as const
    ).filter(([is]) => is(part));
    found?.(part);
    if (found !== undefined) count += 1;
  }
  return count;
}

describe("the fixtures of Marathon", () => {
  it.each(marathonFixtures().map(({ path, json, text }) => [path, json, text] as const))("%s", (path, json, text) => {
    if (text !== undefined) {
      const read: string[] = [];
      const reader = createSseReader(
        (_type, data) => read.push(data),
        () => {},
      );
      reader.push(Buffer.from(text));
      expect(read.length).toBeGreaterThan(0);
      for (const data of read) expect(typeof eventOf(JSON.parse(data))).toBe("object");
    } else if (path.startsWith("events/")) expect(typeof eventOf(json)).toBe("object");
    else if (path === "ids.json") expect((json as readonly unknown[]).length).toBeGreaterThan(0);
    else expect(check(json) > 0).toBe(!NOTHING_IN_IT.includes(path));
  });
});
