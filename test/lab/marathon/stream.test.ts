import { describe, expect, it } from "vitest";
import { until } from "../wait.ts";
import { type Listener, listen } from "./listener.ts";
import { type MarathonOptions, startMarathon } from "./marathon.ts";

const APP = { id: "/web", instances: 2 };

async function streaming(options: MarathonOptions = {}, query = "") {
  const marathon = await startMarathon({ heartbeatMs: 10_000, ...options });
  const listener = await listen(`${marathon.urls[0]}/v2/events${query}`);
  return {
    marathon,
    listener,
    types: () => listener.events().map(({ eventType }) => eventType),
    async [Symbol.asyncDispose]() {
      listener[Symbol.dispose]();
      await marathon[Symbol.asyncDispose]();
    },
  };
}

const heard = (listener: Listener, what: string, condition: () => boolean): Promise<true> =>
  until(() => condition() || undefined, {
    timeoutMs: 5000,
    everyMs: 2,
    what: `${what} after ${listener.text().length} bytes`,
  });

describe("the event stream", () => {
  it("is framed as by Jetty: CR LF, one-line JSON, the type in front; no length, no chunks", async () => {
    await using scene = await streaming();
    const { marathon, listener } = scene;

    marathon.cluster.deploy(APP);
    await heard(listener, "the deployment", () => scene.types().includes("deployment_success"));

    expect(listener.status).toBe(200);
    expect(listener.headers).toMatchObject({ "content-type": "text/event-stream;charset=utf-8", connection: "close" });
    expect(listener.headers["transfer-encoding"]).toBeUndefined();
    expect(listener.headers["content-length"]).toBeUndefined();
    expect(listener.headers["x-marathon-leader"]).toBe(marathon.urls[0]);
    expect(listener.text()).toMatch(/^(event: \w+\r\ndata: \{[^\r\n]*\}\r\n\r\n)+$/);
  });

  it("begins with its own attachment, which others see too", async () => {
    await using scene = await streaming();
    using second = await listen(`${scene.marathon.urls[0]}/v2/events`);

    await heard(second, "its attachment", () => second.events().length > 0);
    await heard(scene.listener, "the other's", () => scene.types().length > 1);

    expect(second.events()).toEqual([
      expect.objectContaining({ eventType: "event_stream_attached", remoteAddress: "127.0.0.1" }),
    ]);
    expect(scene.types()).toEqual(["event_stream_attached", "event_stream_attached"]);
    expect(scene.marathon.streams()).toBe(2);
  });

  it("beats in two segments, CR and LF", async () => {
    await using scene = await streaming({ heartbeatMs: 5 });

    await heard(
      scene.listener,
      "beats",
      () =>
        scene.listener.text().split("\r\n\r\n").at(-1)?.startsWith("\r\n\r\n") ||
        scene.listener.text().endsWith("\r\n\r\n\r\n"),
    );

    expect(scene.listener.text()).toMatch(/^(event: .*\r\ndata: .*\r\n\r\n)(\r\n)+\r?$/);
    expect(scene.listener.chunks()).toContain("\r");
  });

  it.each([
    ["text/event-stream, */*", 405],
    ["text/event-stream;charset=utf-8", 405],
    ["*/*", 405],
    ["text/event-stream", 200],
  ])("answers Accept: %s with %i", async (accept, status) => {
    await using marathon = await startMarathon();
    using listener = await listen(`${marathon.urls[0]}/v2/events`, { accept });

    expect(listener.status).toBe(status);
  });

  it.each([
    ["1.1", true],
    ["1.3", false],
  ] as const)("filters types from 1.3.7 (%s: all come: %s)", async (version, allCome) => {
    await using scene = await streaming({ version }, "?event_type=status_update_event&event_type=app_terminated_event");

    scene.marathon.cluster.deploy(APP);
    scene.marathon.cluster.destroy("/web");
    await heard(scene.listener, "the end", () => scene.types().includes("app_terminated_event"));

    expect(scene.types().includes("deployment_info")).toBe(allCome);
  });

  it.each([
    ["1.4", "?plan-format=light", true],
    ["1.5", "?plan-format=light", false],
    ["1.5", "", true],
    ["1.8", "", false],
  ] as const)("writes plans of %s%s heavy: %s", async (version, query, isHeavy) => {
    await using scene = await streaming({ version }, query);

    scene.marathon.cluster.deploy(APP);
    await heard(scene.listener, "the end", () => scene.types().includes("deployment_success"));

    const info = scene.listener.events().find(({ eventType }) => eventType === "deployment_info");
    expect(Object.keys(info?.["plan"] ?? {}).includes("target")).toBe(isHeavy);
  });

  it("is not there before 0.9", async () => {
    await using scene = await streaming({ version: "0.8" });

    expect(scene.listener.status).toBe(404);
  });
});

describe("a slow reader", () => {
  /** Far more than the sockets of both sides hold, and then some, to a client that does not read. */
  const flood = async (scene: Awaited<ReturnType<typeof streaming>>): Promise<void> => {
    scene.listener.pause();
    for (let burst = 0; burst < 400; burst++) scene.marathon.faults.hugeEvent(100_000);
    await until(() => scene.marathon.held() <= 5, { timeoutMs: 5000, what: "the buffer to be bounded" });
    for (let burst = 0; burst < 400; burst++) scene.marathon.cluster.publish("late", {});
    scene.listener.resume();
  };

  it("misses events before 1.8, and its stream stays open", async () => {
    await using scene = await streaming({ version: "1.4", streamBuffer: 5 });
    await flood(scene);
    await heard(scene.listener, "the last that was held", () => scene.listener.text().length > 1_000_000);
    await until(
      () => {
        scene.marathon.cluster.publish("after", {});
        return scene.types().includes("after") || undefined;
      },
      { timeoutMs: 10_000, what: "an event after the flood" },
    );

    expect(scene.types().filter((type) => type === "framework_message_event").length).toBeLessThan(400);
    expect(scene.types()).not.toContain("late");
    expect(scene.listener.hasEnded()).toBe(false);
  });

  it("is cut off from 1.8", async () => {
    await using scene = await streaming({ version: "1.8", streamBuffer: 5 });
    await flood(scene);

    await heard(scene.listener, "the end", () => scene.listener.hasEnded());
  });
});

it("a burst at one moment reaches a reader that is awake, whole, however small the buffer", async () => {
  await using scene = await streaming({ version: "1.4", streamBuffer: 5, heartbeatMs: 1 });

  scene.marathon.cluster.deploy({ ...APP, instances: 200 });
  await heard(scene.listener, "the deployment", () => scene.types().includes("deployment_success"));

  expect(scene.listener.text().match(/TASK_RUNNING/g)).toHaveLength(200);
});

describe("faults of the stream", () => {
  it("cuts it, after half an event if so asked", async () => {
    await using scene = await streaming();
    await heard(scene.listener, "attachment", () => scene.types().length === 1);

    scene.marathon.faults.cut("half");
    await heard(scene.listener, "the end", () => scene.listener.hasEnded());

    expect(scene.types()).toEqual(["event_stream_attached"]);
    expect(scene.listener.text()).toMatch(/\r\n\r\nevent: status_update_event\r\ndata: [^\r\n]+$/);
    await heard(scene.listener, "no stream", () => scene.marathon.streams() === 0);
  });

  it("writes in pieces that part CR from LF, and loses nothing by it", async () => {
    await using scene = await streaming();
    scene.marathon.faults.chunk(1);

    scene.marathon.cluster.publish("short", {});
    await heard(scene.listener, "it", () => scene.types().includes("short"));

    expect(scene.listener.chunks().filter((chunk) => chunk === "\r").length).toBeGreaterThan(0);
  });

  it("loses events while the stream stays open, or says nothing at all", async () => {
    await using scene = await streaming({ heartbeatMs: 5 });
    scene.marathon.faults.lose(true);
    scene.marathon.cluster.deploy(APP);
    scene.marathon.faults.lose(false);
    scene.marathon.faults.stall(true);
    scene.marathon.cluster.scale("/web", 3);
    scene.marathon.faults.stall(false);
    scene.marathon.cluster.destroy("/web");

    await heard(scene.listener, "the end", () => scene.types().includes("app_terminated_event"));

    expect(scene.listener.text()).not.toContain("TASK_RUNNING");
    expect(scene.listener.text()).toContain("TASK_KILLED");
  });

  it("writes garbage, unknown types and events of megabytes", async () => {
    await using scene = await streaming();
    scene.marathon.faults.write("data: {not json\r\n\r\n");
    scene.marathon.faults.unknownEvent();
    scene.marathon.faults.hugeEvent(3_000_000);

    await heard(
      scene.listener,
      "megabytes",
      () => scene.listener.text().length > 3_000_000 && scene.listener.text().endsWith("\r\n\r\n"),
    );

    expect(scene.listener.text()).toContain("data: {not json\r\n\r\n");
    expect(scene.listener.text()).toContain("event: event_of_tomorrow\r\n");
  });

  it("scrambles what is sent, the same way for the same seed", async () => {
    const order = async (seed: number) => {
      await using scene = await streaming({ now: () => 0 });
      scene.marathon.faults.scramble({ seed, window: 8 });
      scene.marathon.cluster.deploy({ ...APP, instances: 5 });
      await heard(
        scene.listener,
        "all",
        () =>
          scene.types().filter((type) => type === "status_update_event").length === 15 &&
          scene.types().includes("deployment_success"),
      );
      return scene.listener.events().map(({ timestamp }) => timestamp);
    };

    const first = await order(1);

    expect(await order(1)).toEqual(first);
    expect(first).not.toEqual(first.toSorted());
  });
});
