/** What keeps one client from taking the API away from the others. */
import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import type { Agent } from "../../src/http/api.ts";
import { createEvents } from "../../src/http/events.ts";
import { createBuckets, limitRate } from "../../src/http/rate-limit.ts";
import { until } from "../lab/wait.ts";

const LIMITS = { perSecond: 10, burst: 3, clients: 2 };

describe("requests", () => {
  it("may come in a burst, and then at a steady rate; each client has its own", () => {
    let now = 0;
    const take = createBuckets(() => now, LIMITS);
    expect([take("a"), take("a"), take("a"), take("a")]).toEqual([0, 0, 0, 100]);
    expect(take("b")).toBe(0);
    now = 100;
    expect([take("a"), take("a")]).toEqual([0, 100]);
    now = 10_000;
    expect([take("a"), take("a"), take("a"), take("a")]).toEqual([0, 0, 0, 100]);
  });

  it("of very many clients do not fill the memory: who asked longest ago is forgotten", () => {
    const take = createBuckets(() => 0, LIMITS);
    for (let n = 0; n < 3; n += 1) take("a");
    take("b");
    expect(take("a")).toBe(100);
    take("c");
    // Forgotten: a whole burst again.
    expect([take("b"), take("b"), take("b"), take("b")]).toEqual([0, 0, 0, 100]);
  });

  it("beyond the limit are 429 with Retry-After, but for the probes", async () => {
    const app = new Hono();
    app.use(limitRate(() => 0, LIMITS));
    app.get("*", (context) => context.text("fine"));
    const statuses: number[] = [];
    for (let n = 0; n < 4; n += 1) statuses.push((await app.request("/v1/instances")).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    const refused = await app.request("/v1/instances");
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(refused.headers.get("content-type")).toBe("application/problem+json");
    expect(await refused.json()).toMatchObject({ status: 429, title: "Too many requests" });
    for (const probe of ["/healthz", "/readyz"]) expect((await app.request(probe)).status).toBe(200);
  });
});

describe("event streams", () => {
  it("are bounded in number, and one that ends makes room", async () => {
    let subscribed = 0;
    const agent = {
      subscribe() {
        subscribed += 1;
        return () => {
          subscribed -= 1;
        };
      },
    } as unknown as Agent;
    const app = new Hono();
    app.get("/v1/events", createEvents(agent, 2));
    const open = await Promise.all([app.request("/v1/events"), app.request("/v1/events")]);
    expect(open.map(({ status }) => status)).toEqual([200, 200]);
    await until(() => subscribed === 2, { timeoutMs: 5_000, what: "the subscriptions" });
    const refused = await app.request("/v1/events");
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toBe("30");
    await open[0]?.body?.cancel();
    await until(() => subscribed === 1, { timeoutMs: 5_000, what: "the end of the first" });
    const next = await app.request("/v1/events");
    expect(next.status).toBe(200);
    await Promise.all([open[1]?.body?.cancel(), next.body?.cancel()]);
  });
});
