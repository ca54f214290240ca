/** What clients of HAProxy see while the example adapter changes its servers. */
import { createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fleet, instance } from "../conformance/registry/fleet.ts";
import { apply, assertHolds, changesFor, converge, list } from "../conformance/registry/pass.ts";
import { labAvailable } from "../lab/available.ts";
import type { Haproxy } from "../lab/haproxy.ts";
import { until } from "../lab/wait.ts";
import { type Bench, openRegistry, servers, startBench, startWithBackends } from "./haproxy-harness.ts";

const { skip, reason } = await labAvailable("haproxy");

describe.skipIf(skip)(`HAProxy's clients ${reason}`, () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await startBench();
  });
  afterAll(() => bench?.[Symbol.asyncDispose]());

  /** A GET through HAProxy, over a connection of its own. @returns status and body */
  function ask(service: string, path = "/"): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = { headers: { host: service }, agent: false as const };
      get(`${bench.haproxy.url}${path}`, options, (answer) => {
        text(answer).then((body) => resolve(`${answer.statusCode} ${body.trim()}`), reject);
      }).on("error", reject);
    });
  }

  describe("with an application", () => {
    /** Answers with its name; `/slow` when it is told to. */
    async function application(name: string, n: number, service: string) {
      let finish = (): void => {};
      let isAsked = false;
      const server = createServer((request, response) => {
        if (request.url !== "/slow") return void response.end(name);
        isAsked = true;
        finish = () => void response.end(`${name}, slowly`);
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
      const { port } = server.address() as AddressInfo;
      return {
        instance: instance(n, { service, address: "127.0.0.1", port }),
        finish: () => finish(),
        untilAsked: () => until(() => isAsked, { timeoutMs: 5000, everyMs: 5, what: "the slow request" }),
        async [Symbol.asyncDispose]() {
          server.closeAllConnections();
          server.close();
        },
      };
    }

    it("a server with a request under way answers it, gets no other, and is gone after the next listing", () =>
      bench.using(async (registry) => {
        await using app = await application("one", 1, "api");
        await converge(registry, [app.instance]);
        const slow = ask("api", "/slow");
        await app.untilAsked();

        await converge(registry, []);
        expect(await ask("api")).toMatch(/^503 /);
        expect(await list(registry)).toMatchObject([{ spec: { state: "maint" } }]);
        app.finish();
        expect(await slow).toBe("200 one, slowly");
        await converge(registry, []);
        await assertHolds(registry, []);
      }));

    it("a server that is wanted again while its last request is under way serves again", () =>
      bench.using(async (registry) => {
        await using app = await application("one", 1, "api");
        await converge(registry, [app.instance]);
        const slow = ask("api", "/slow");
        await app.untilAsked();
        await converge(registry, []);

        await apply(registry, changesFor(registry, [app.instance], []));
        expect(await ask("api")).toBe("200 one");
        await assertHolds(registry, [app.instance]);
        app.finish();
        expect(await slow).toBe("200 one, slowly");
      }));

    it("a draining server answers what it has begun and gets nothing new", () =>
      bench.using(async (registry) => {
        await using one = await application("one", 1, "db");
        await using two = await application("two", 2, "db");
        await converge(registry, [one.instance]);
        const slow = ask("db", "/slow");
        await one.untilAsked();

        const draining = { ...one.instance, state: "draining" as const };
        await converge(registry, [draining, two.instance]);
        await assertHolds(registry, [draining, two.instance]);
        expect(await Promise.all(Array.from({ length: 6 }, () => ask("db")))).toEqual(Array(6).fill("200 two"));
        one.finish();
        expect(await slow).toBe("200 one, slowly");
        expect((await list(registry)).map(({ draining }) => draining)).toEqual(
          expect.arrayContaining([true, undefined]),
        );
      }));

    it("a server with `check` begins its checks, so that a dead application gets nothing", () =>
      bench.using(
        async (registry) => {
          await using app = await application("one", 1, "api");
          await converge(registry, [app.instance, instance(2, { service: "api", address: "127.0.0.1", port: 1 })]);
          const down = async () =>
            Object.values(await servers(bench.haproxy)).filter((row) => row["srv_op_state"] === "0");
          await until(async () => (await down()).length === 1, {
            timeoutMs: 5000,
            everyMs: 10,
            what: "one server to be down",
          });
          expect(await Promise.all([ask("api"), ask("api"), ask("api")])).toEqual(Array(3).fill("200 one"));
        },
        { server: "check inter 50ms fall 2" },
      ));
  });

  describe("after a reload", () => {
    it("the new HAProxy knows none of the servers; that is noticed, and they are written again", async () => {
      await using own = await startWithBackends();
      const owner = { cluster: "c", node: { id: "n1", address: "10.0.0.1" } };
      await using registry = await openRegistry({ socket: own.socket }, owner);
      await converge(registry, fleet(3));
      const stop = new AbortController();
      const noticed = registry.returns?.(stop.signal)[Symbol.asyncIterator]();
      const next = noticed?.next();
      await firstLook(own);
      await own.reload();

      expect(await next).toEqual({ done: false, value: undefined });
      expect(await list(registry)).toEqual([]);
      await converge(registry, fleet(3));
      await assertHolds(registry, fleet(3));
      const last = noticed?.next();
      stop.abort();
      expect(await last).toEqual({ done: true, value: undefined });
    });
  });
});

/** Until somebody else than this function has asked HAProxy something. */
async function firstLook({ runtime }: Haproxy): Promise<void> {
  const connections = async () => Number(/^CumConns: (\d+)$/m.exec(await runtime("show info"))?.[1]);
  const before = await connections();
  let own = 0;
  await until(async () => (await connections()) > before + ++own, {
    timeoutMs: 5000,
    everyMs: 10,
    what: "a first look",
  });
}
