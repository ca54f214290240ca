/** Every event of every version is read without loss of what the field table lists for it. */
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import type { MarathonEvent } from "../../../adapters/sources/marathon/event.ts";
import { eventOf, readEvent } from "../../../adapters/sources/marathon/events.ts";
import type { Fields } from "../../../adapters/sources/marathon/fields.ts";
import { marathonFixture, marathonFixtures } from "../../lab/marathon/fixtures.ts";

const Table = v.object({
  common: v.array(v.string()),
  events: v.record(v.string(), v.array(v.object({ fields: v.array(v.string()) }))),
});
const table = v.parse(Table, marathonFixture("event-fields.json"));
const events = marathonFixtures().filter(({ path }) => path.startsWith("events/"));

/** All fields that the table lists for a type, in any version. */
function listed(type: string): readonly string[] {
  const rows = Object.entries(table.events).flatMap(([types, found]) => (types.split("|").includes(type) ? found : []));
  return [...new Set(rows.flatMap(({ fields }) => fields.map((field) => /^\w+/.exec(field)?.[0] ?? "")))];
}

/** What the reading holds of each listed field; those of events without a meaning for tasks only as they came. */
function said(event: MarathonEvent): Fields {
  switch (event.kind) {
    case "status": {
      const { task, app, state, message, host, agent, version, ports, addresses } = event;
      const numbers = ports.map(({ port }) => port);
      return {
        taskId: task,
        appId: app,
        taskStatus: state,
        message,
        host,
        slaveId: agent,
        version,
        ports: numbers,
        ipAddresses: addresses,
      };
    }
    case "kill": {
      const { task, app, instance, version, reason, host, agent } = event;
      return { taskId: task, appId: app, instanceId: instance, version, reason, host, slaveId: agent };
    }
    case "instanceHealth":
      return {
        instanceId: event.instance,
        runSpecId: event.app,
        healthy: event.healthy,
        runSpecVersion: event.version,
      };
    case "checkHealth": {
      const { app, task, instance, version, alive } = event;
      return { appId: app, taskId: task, instanceId: instance, version, alive };
    }
    case "instance": {
      const { instance, app, condition, agent, host, version } = event;
      return { instanceId: instance, runSpecId: app, condition, agentId: agent, host, runSpecVersion: version };
    }
    case "stranger": {
      const { task, instance, app, condition } = event;
      return { taskId: task, instanceId: instance, runSpecId: app, condition, status: condition };
    }
    case "definition":
      return { ...event.body, appDefinition: event.definition };
    case "terminated":
      return { appId: event.app };
    case "registered":
      return { ...event.body, frameworkId: event.frameworkId };
    case "hint":
    case "other":
      return event.body;
    default:
      return event satisfies never;
  }
}

/** What is not said may be absent, null or empty, by version. */
function known(value: unknown): unknown {
  if (value === undefined || value === "" || (Array.isArray(value) && value.length === 0)) return null;
  return value;
}

function plain(field: string, value: unknown): unknown {
  if (field !== "ipAddresses" || !Array.isArray(value)) return known(value);
  return known(value.map((item: unknown) => (typeof item === "object" ? (item as Fields)["ipAddress"] : item)));
}

/** Of a wrong type in a test of marathon-consul, so not said. */
const MALFORMED: Readonly<Record<string, readonly string[]>> = {
  "events/marathon-consul/status_update_event.0.json": ["ports"],
  "events/marathon-consul/health_status_changed_event.3.json": ["version"],
  "events/marathon-consul/health_status_changed_event.4.json": ["appId"],
};

describe("marathon events", () => {
  it("are there for every type in the table", () => {
    const types = new Set(events.map(({ json }) => (json as Fields)["eventType"]));
    const wanted = Object.keys(table.events).flatMap((key) => key.split("|"));
    expect(wanted.filter((type) => !types.has(type))).toEqual([]);
  });

  it.each(events.map(({ path, json }) => [path, json as Fields] as const))("are read whole: %s", (path, json) => {
    const event = eventOf(json);
    if (typeof event === "string") throw new Error(event);
    expect(event.type).toBe(json["eventType"]);
    expect(event.ts === null ? undefined : new Date(event.ts).toISOString()).toBe(json["timestamp"]);
    const held = said(event);
    const fields = listed(event.type).filter((field) => !MALFORMED[path]?.includes(field));
    for (const field of fields) expect(plain(field, held[field]), field).toEqual(plain(field, json[field]));
  });

  it.each([
    ["events/derived/deployment_info.1.8+light.pod.json", [], ["/shop/pod"]],
    ["events/derived/deployment_success.1.8+light.json", ["/shop/web"], []],
    ["events/derived/deployment_success.0.8-0.9.json", [], []],
    ["events/docs/deployment_info.v0.8.0.json", ["/my-app"], []],
    ["events/docs/deployment_info.v1.8.180.json", ["/my-app"], []],
    ["events/event-bus-mock/deployment_info.pre1.4.json", ["/blubtest"], []],
    ["events/derived/pod_deleted_event.1.4+.json", [], ["/shop/pod"]],
    ["events/derived/pod_created_event.1.4+.json", [], []],
  ])("name the apps and pods that changed: %s", (path, apps, pods) => {
    expect(eventOf(marathonFixture(path))).toMatchObject({ kind: "hint", apps, pods });
  });

  it.each([
    [
      { eventType: "deployment_success", plan: { steps: [{ actions: [{ action: "StopApplication", app: "/web" }] }] } },
      "/web",
    ],
    [
      { eventType: "deployment_success", plan: { steps: [{ actions: [{ type: "StopApplication", app: "/web" }] }] } },
      "/web",
    ],
    [{ eventType: "deployment_success", plan: { steps: [{ actions: [{ action: "StopPod", pod: "/pod" }] }] } }, "/pod"],
    [{ eventType: "pod_deleted_event", uri: "/v2/pods/shop/pod" }, "/shop/pod"],
    [
      { eventType: "deployment_info", plan: { steps: [{ actions: [{ action: "StopApplication", app: "/web" }] }] } },
      null,
    ],
    [
      {
        eventType: "deployment_success",
        plan: { steps: [{ actions: [{ action: "ScaleApplication", app: "/web" }] }] },
      },
      null,
    ],
    [{ eventType: "pod_updated_event", uri: "/v2/pods/shop/pod" }, null],
  ])("tell of deletions: %j", (json, deleted) => {
    expect(eventOf(json)).toMatchObject({ kind: "hint", deleted: deleted === null ? [] : [deleted] });
  });

  it("take a host that is unknown, and the version of 1970, for not said", () => {
    const json = { ...(marathonFixture("events/derived/status_update_event.1.8+.json") as Fields) };
    expect(eventOf({ ...json, host: "unknown", version: "1970-01-01T00:00:00.000Z" })).toMatchObject({
      host: null,
      version: null,
    });
  });

  it("are named by the stream where they don't name themselves", () => {
    expect(readEvent("app_terminated_event", '{"appId":"/web"}')).toMatchObject({ kind: "terminated", app: "/web" });
  });

  it.each([
    ["", "an event that is not JSON"],
    ["{", "an event that is not JSON"],
    ["[1]", "an event that is not a JSON object"],
    ["null", "an event that is not a JSON object"],
    ['{"eventType":"status_update_event"}', "an event of type status_update_event without taskId, appId or taskStatus"],
    [
      '{"eventType":"instance_health_changed_event"}',
      "an event of type instance_health_changed_event without instanceId or runSpecId",
    ],
    [
      '{"eventType":"health_status_changed_event","appId":"/a","taskId":"a.1"}',
      "an event of type health_status_changed_event without",
    ],
    ['{"eventType":"api_post_event"}', "an event of type api_post_event without appDefinition"],
  ])("that are none say why: %s", (data, why) => {
    expect(readEvent("", data)).toEqual(expect.stringContaining(why));
  });

  it("of an unknown type are none of our business", () => {
    expect(readEvent("x", '{"eventType":"event_of_tomorrow"}')).toMatchObject({ kind: "other", ts: null });
  });
});
