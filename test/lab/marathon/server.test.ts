import { generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { until } from "../wait.ts";
import { appIds, get, order } from "./ask.ts";
import { listen } from "./listener.ts";
import { startMarathon } from "./marathon.ts";

const APP = { id: "/web", instances: 2, portDefinitions: [{ port: 0 }] };

describe("what a person does with curl", () => {
  it("creates, changes, scales, restarts and deletes an app", async () => {
    await using marathon = await startMarathon();
    const running = () => marathon.cluster.truth().filter((task) => task.running);

    expect((await order(marathon, "POST", "/v2/apps", APP)).status).toBe(201);
    expect((await order(marathon, "POST", "/v2/apps", APP)).status).toBe(409);
    expect((await order(marathon, "PUT", "/v2/apps/web", { instances: 3 })).body).toMatchObject({
      deploymentId: expect.any(String),
    });
    expect(running()).toHaveLength(3);
    const before = marathon.cluster.tasks();
    expect((await order(marathon, "POST", "/v2/apps/web/restart")).status).toBe(200);
    expect(marathon.cluster.tasks()).not.toEqual(before);
    await order(marathon, "DELETE", `/v2/apps/web/tasks/${marathon.cluster.tasks()[0]}?scale=true`);
    expect(running()).toHaveLength(2);
    expect((await order(marathon, "DELETE", "/v2/apps/web")).status).toBe(200);
    expect((await get(marathon, "/v2/apps/web")).body).toEqual({ message: "App '/web' does not exist" });
  });

  it("creates by PUT, groups, and pods", async () => {
    await using marathon = await startMarathon();

    expect((await order(marathon, "PUT", "/v2/apps/a/b", { cmd: "sleep" })).status).toBe(201);
    expect((await order(marathon, "PUT", "/v2/groups/g", { apps: [{ id: "one" }] })).status).toBe(200);
    expect((await order(marathon, "POST", "/v2/pods", { id: "/pod", containers: [{ name: "c" }] })).status).toBe(201);

    expect(await appIds(marathon)).toEqual(["/a/b", "/g/one"]);
    expect((await get(marathon, "/v2/pods/pod::status")).body).toMatchObject({ status: "STABLE" });
    expect((await get(marathon, "/v2/pods", { method: "HEAD" })).status).toBe(200);
  });

  it("learns what is wrong with what is posted", async () => {
    await using marathon = await startMarathon();

    const { status, body } = await order(marathon, "POST", "/v2/apps", { id: "/no spaces", instances: "two" });

    expect(status).toBe(422);
    expect(body).toMatchObject({ message: "Object is not valid", details: [{ path: "id" }, { path: "instances" }] });
    expect((await order(marathon, "PATCH", "/v2/info", {})).status).toBe(405);
    expect((await order(marathon, "POST", "/v2/apps/nope/restart")).status).toBe(404);
  });
});

describe("access", () => {
  const authorization = (value: string): RequestInit => ({ headers: { authorization: value } });

  it("asks for the name and the password", async () => {
    await using marathon = await startMarathon({ credentials: { username: "u", password: "p" } });

    const refused = await get(marathon, "/v2/apps");
    expect(refused.status).toBe(401);
    expect(refused.headers.get("www-authenticate")).toBe('Basic realm="Mesosphere"');
    expect((await get(marathon, "/v2/apps", authorization("Basic dTpw"))).status).toBe(200);
    using listener = await listen(`${marathon.urls[0]}/v2/events`);
    expect(listener.status).toBe(401);
  });

  it("gives a service account a token for a signed JWT, until it ends or is revoked", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    let now = 1_000_000;
    await using marathon = await startMarathon({
      now: () => now,
      credentials: {
        uid: "muster",
        publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
        tokenMs: 1000,
      },
      pathPrefix: "/marathon",
    });
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const login = async (uid: string) => {
      const unsigned = `${part({ alg: "RS256", typ: "JWT" })}.${part({ uid, exp: 2000 })}`;
      const token = `${unsigned}.${sign("RSA-SHA256", Buffer.from(unsigned), privateKey).toString("base64url")}`;
      const url = new URL("/acs/api/v1/auth/login", marathon.urls[0]);
      return fetch(url, { method: "POST", body: JSON.stringify({ uid, token }) });
    };

    expect((await login("stranger")).status).toBe(401);
    const { token } = (await (await login("muster")).json()) as { token: string };
    const ask = () => get(marathon, "/v2/apps", authorization(`token=${token}`));
    expect((await ask()).status).toBe(200);
    now += 1001;
    expect((await ask()).status).toBe(401);
    expect(marathon.logins()).toBe(1);
  });

  it("lives below its path prefix only", async () => {
    await using marathon = await startMarathon({ pathPrefix: "/service/m" });

    expect(marathon.urls[0]).toMatch(/\/service\/m$/);
    expect((await get(marathon, "/v2/info")).status).toBe(200);
    expect((await fetch(new URL("/v2/info", marathon.urls[0]))).status).toBe(404);
  });
});

describe("several masters", () => {
  it("from 1.7 a standby sends the stream to the leader, with its query, and forwards the rest", async () => {
    await using marathon = await startMarathon({ version: "1.8", nodes: 2 });
    using listener = await listen(`${marathon.urls[1]}/v2/events?event_type=a`);

    expect(listener.status).toBe(302);
    expect(listener.headers.location).toBe(`${marathon.urls[0]}/v2/events?event_type=a`);
    const { status, headers } = await get(marathon, "/v2/apps", {}, 1);
    expect([status, headers.has("x-marathon-leader"), headers.has("x-marathon-via")]).toEqual([200, false, true]);
  });

  it("up to 1.6 a standby forwards the stream as well", async () => {
    await using marathon = await startMarathon({ version: "1.5", nodes: 2 });
    using listener = await listen(`${marathon.urls[1]}/v2/events`);

    await until(() => listener.events().length > 0, { timeoutMs: 5000, what: "attachment" });
  });

  it("a failover ends the streams, leaves nobody to answer, and makes another the leader", async () => {
    await using marathon = await startMarathon({ nodes: 2, leaderWaitMs: 10 });
    using listener = await listen(`${marathon.urls[0]}/v2/events`);

    marathon.cluster.failover({ windowMs: 60_000 });

    await until(() => listener.hasEnded(), { timeoutMs: 5000, what: "the end of the stream" });
    const between = await get(marathon, "/v2/apps");
    expect([between.status, between.body]).toEqual([502, "Could not determine the current leader"]);
    marathon.cluster.tick(60_000);
    expect(`http://${(await get(marathon, "/v2/leader")).body.leader}`).toBe(marathon.urls[1]);
  });

  it("one may be down and come back at its port, or not be active", async () => {
    await using marathon = await startMarathon({ nodes: 2 });

    await marathon.faults.down(1);
    await expect(get(marathon, "/v2/apps", {}, 1)).rejects.toThrow();
    await marathon.faults.up(1);
    expect((await get(marathon, "/v2/apps", {}, 1)).status).toBe(200);

    marathon.faults.inactive(0, true);
    using listener = await listen(`${marathon.urls[0]}/v2/events`);
    expect(listener.status).toBe(200);
    await until(() => listener.hasEnded(), { timeoutMs: 5000, what: "the end of the stream" });
    expect(listener.text()).toBe("");
  });
});

it("lets things take their time when asked to", async () => {
  await using marathon = await startMarathon({ stepMs: 5 });

  marathon.cluster.deploy(APP);

  expect(marathon.cluster.truth().filter(({ running }) => running)).toEqual([]);
  await until(() => marathon.cluster.truth().filter(({ running }) => running).length === 2, {
    timeoutMs: 5000,
    what: "two tasks",
  });
});
