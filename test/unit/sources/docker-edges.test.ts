/** The docker source's edges: bytes, signals, errors, options. */
import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { EngineError, toEngineError } from "../../../adapters/sources/docker/errors.ts";
import { DockerOptions, engineAddress } from "../../../adapters/sources/docker/options.ts";
import { isStop, signalNumber } from "../../../adapters/sources/docker/signals.ts";
import { type ContainerEvent, createEventReader } from "../../../adapters/sources/docker/stream.ts";

const ID = "c".repeat(64);

describe("event stream", () => {
  const event = (action: string, extra = {}) =>
    JSON.stringify({ Type: "container", Action: action, Actor: { ID, Attributes: { name: "w", ...extra } } });

  function read(chunks: readonly Uint8Array[]): { events: ContainerEvent[]; garbage: string[] } {
    const events: ContainerEvent[] = [];
    const garbage: string[] = [];
    const reader = createEventReader(
      (item) => events.push(item),
      (why) => garbage.push(why),
    );
    for (const chunk of chunks) reader.push(chunk);
    reader.end();
    return { events, garbage };
  }

  it("gives the same events however the bytes are cut", () => {
    const text = `${event("start", { label: "žluťoučký 🐳" })}\n${event("health_status: unhealthy")}\r\n\ngarbage\n${event("die", { exitCode: "137" })}\n${event("kill", { signal: "15" }).slice(0, 30)}`;
    const bytes = new TextEncoder().encode(text);
    const whole = read([bytes]);
    expect(whole.events.map(({ action, detail }) => [action, detail])).toEqual([
      ["start", null],
      ["health_status", "unhealthy"],
      ["die", "137"],
    ]);
    expect(whole.garbage).toEqual(["a line that is not JSON", "a line cut at the end of the stream"]);
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 20 }), (cuts) => {
        const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        expect(read(edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge)))).toEqual(whole);
      }),
    );
  });

  it.each([
    ["no actor", { Type: "container", Action: "start" }],
    ["no id", { Type: "container", Action: "start", Actor: { ID: "", Attributes: {} } }],
    ["a label that is no text", { Type: "container", Action: "start", Actor: { ID, Attributes: { a: 1 } } }],
    ["a list", []],
    ["null", null],
  ])("takes an event with %s for garbage", (_what, json) => {
    const { events, garbage } = read([new TextEncoder().encode(`${JSON.stringify(json)}\n`)]);
    expect(events).toEqual([]);
    expect(garbage).toEqual([expect.stringMatching(/^an event without a proper \S+$/)]);
  });

  it("knows the container of a network event, and passes over what says nothing of a container", () => {
    const connect = JSON.stringify({
      Type: "network",
      Action: "connect",
      Actor: { ID: "net", Attributes: { container: ID } },
    });
    const create = JSON.stringify({ Type: "network", Action: "create", Actor: { ID: "net", Attributes: {} } });
    const { events, garbage } = read([new TextEncoder().encode(`${connect}\n${create}\n${event("exec_start: ls")}\n`)]);
    expect(events).toEqual([{ action: "connect", container: ID, task: null, detail: null, time: null }]);
    expect(garbage).toEqual([]);
  });
});

describe("signals", () => {
  it.each([
    ["15", 15],
    ["SIGTERM", 15],
    ["sigterm", 15],
    ["QUIT", 3],
    ["SIGRTMIN+3", 37],
    ["SIGRTMAX-1", 63],
    ["", null],
    ["SIGWHAT", null],
    ["-9", null],
  ])("signal %s", (text, number) => {
    expect(signalNumber(text)).toBe(number);
  });

  it("takes only the stop signal and SIGKILL for the end", () => {
    expect([isStop(15, null), isStop(9, null), isStop(1, null), isStop(15, 3), isStop(3, 3), isStop(9, 3)]).toEqual([
      true,
      true,
      false,
      false,
      true,
      true,
    ]);
  });
});

describe("errors", () => {
  it.each([
    ["ENOENT", /no such file – is the engine running, is the socket mounted\?$/],
    ["EACCES", /permission denied – .*group/],
    ["ECONNREFUSED", /connection refused – is the engine running\?$/],
    ["EWHATEVER", /: EWHATEVER$/],
  ])("%s", (code, pattern) => {
    const error = toEngineError(Object.assign(new Error("connect"), { code }), "unix:///x");
    expect(error).toBeInstanceOf(EngineError);
    expect(error.message).toMatch(/^docker: cannot reach unix:\/\/\/x: /);
    expect(error.message).toMatch(pattern);
    expect(error.message).not.toContain("\n");
  });
});

describe("options", () => {
  it.each([
    [{ host: "unix:///run/d.sock" }, { socketPath: "/run/d.sock" }],
    [{ host: "tcp://10.0.0.1:2375" }, { protocol: "http", hostname: "10.0.0.1", port: 2375 }],
    [{ host: "tcp://10.0.0.1" }, { protocol: "http", hostname: "10.0.0.1", port: 2375 }],
    [
      { host: "tcp://engine", caFile: "ca.pem" },
      { protocol: "https", hostname: "engine", port: 2376 },
    ],
    [{ host: "http://engine" }, { protocol: "http", hostname: "engine", port: 80 }],
    [{ host: "http://engine:80" }, { protocol: "http", hostname: "engine", port: 80 }],
    [{ host: "https://[fd00::1]:2376" }, { protocol: "https", hostname: "[fd00::1]", port: 2376 }],
  ])("%j", (input, address) => {
    expect(engineAddress(v.parse(DockerOptions, input))).toEqual(address);
  });

  it.each([
    [{ host: "ssh://engine" }, /expected unix:\/\/\/path/],
    [{ host: "unix://" }, /expected unix:\/\/\/path/],
    [{ host: "/var/run/docker.sock" }, /expected unix:\/\/\/path/],
    [{ host: "https://user:secret@engine" }, /without credentials/],
    [{ expose: "all" }, /expected published or labelled/],
    [{ timeout: 10 }, /expected a duration/],
    [{ certFile: "c.pem" }, /certFile and keyFile together/],
  ])("refuses %j", (input, message) => {
    const { issues = [] } = v.safeParse(DockerOptions, input);
    expect(issues[0]?.message).toMatch(message);
    expect(issues[0]?.message).not.toContain("secret");
  });
});
