/** The Kong adapter and a Kong that is large, slow, down, old, guarded or not what was configured. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fleet, instance } from "../conformance/registry/fleet.ts";
import type { KongFault } from "../fakes/kong/kong.ts";
import { targetsServed } from "../fakes/kong/serving.ts";
import { OWNER, openRegistry, SECRET, writeToken } from "./kong-harness.ts";
import { converge, NEVER, pass, ROUTES, useScenes } from "./kong-scene.ts";

const scene = useScenes();
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-kong-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("1,000 instances over 50 services", () => {
  it("reach it in one pass, with 8 requests under way at most, and leave nothing to do", async () => {
    const { kong, open } = await scene();
    const registry = open();
    const wanted = fleet(1000).map((each, n) => ({
      ...each,
      service: `service-${n % 50}`,
      routes: [{ hosts: [`s${n % 50}.example`], paths: ["/"], stripPath: false, priority: null }],
    }));
    // So that requests are under way together.
    kong.fault(() => ({ kind: "slow", ms: 2 }));

    await converge(registry, wanted);

    expect(kong.peak()).toBeLessThanOrEqual(8);
    expect(kong.peak()).toBeGreaterThan(1);
    expect(kong.writes()).toHaveLength(1000 + 3 * 50);
    expect(targetsServed(kong.world, "service-7")).toHaveLength(20);
    kong.forget();
    await converge(registry, wanted);
    expect(kong.writes()).toEqual([]);
    // Twice: the node, three lists, and the targets of each upstream.
    expect(kong.hits).toHaveLength(2 * (1 + 3 + 50));
  });
});

describe("a Kong in trouble", () => {
  it("database down: writes may be tried again, a listing says what is wrong, and all heals", async () => {
    const { kong, open } = await scene();
    const registry = open();
    await converge(registry, [instance(1)]);
    const wanted = [instance(1), instance(2, { routes: ROUTES })];
    const current = await registry.list(NEVER);
    const keys = new Set(current.map(({ key }) => key));
    const changes = wanted
      .flatMap((each) => registry.project(each))
      .filter(({ key }) => !keys.has(key))
      .map((after) => ({ op: "register", key: after.key, before: null, after }) as const);
    kong.database("down");

    const outcomes = await registry.apply(changes, NEVER);

    expect(outcomes).toHaveLength(3);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ ok: false, retry: true });
    await expect(registry.list(NEVER)).rejects.toThrow("kong: list: Kong is up, but can't reach its database");
    kong.database("up");
    await converge(registry, wanted);
  });

  it.each<{ readonly what: string; readonly fault: KongFault; readonly ambiguous: boolean; readonly retry: boolean }>([
    { what: "hangs", fault: { kind: "hang" }, retry: true, ambiguous: true },
    { what: "resets", fault: { kind: "reset" }, retry: true, ambiguous: true },
    { what: "is too busy", fault: { kind: "status", status: 429 }, retry: true, ambiguous: false },
    { what: "is behind a broken proxy", fault: { kind: "status", status: 502 }, retry: true, ambiguous: true },
    { what: "is not up yet", fault: { kind: "status", status: 503 }, retry: true, ambiguous: false },
  ])("that $what may be tried again", async ({ fault, retry, ambiguous }) => {
    const { kong, open } = await scene();
    const registry = open(OWNER, { timeout: 300 });
    await converge(registry, [instance(1)]);
    const [after] = registry.project(instance(2)).filter(({ rank }) => rank === 0);
    if (after === undefined) throw new Error("no entry");
    kong.fault(({ method }) => (method === "GET" ? null : fault));

    const [outcome] = await registry.apply([{ op: "register", key: after.key, before: null, after }], NEVER);

    expect(outcome).toMatchObject({ ok: false, retry, ambiguous });
    kong.fault(null);
    await converge(registry, [instance(1), instance(2)]);
  });

  it("a slow Kong is waited for", async () => {
    const { kong, open } = await scene();
    kong.fault(() => ({ kind: "slow", ms: 20 }));

    await converge(open(), fleet(20));

    expect(targetsServed(kong.world, "web")).toHaveLength(20);
  });

  it("a refusal names the field, and is not tried again", async () => {
    const { kong, open } = await scene();
    const registry = open();
    await converge(registry, [instance(1)]);
    const [after] = registry.project(instance(2)).filter(({ rank }) => rank === 0);
    if (after === undefined) throw new Error("no entry");
    const spec = { ...(after.spec as object), weight: 70_000 };

    const [outcome] = await registry.apply(
      [{ op: "register", key: after.key, before: null, after: { ...after, spec } }],
      NEVER,
    );

    expect(outcome).toEqual({
      ok: false,
      error: `kong: register ${after.key}: status 400: schema violation (weight: value should be between 0 and 65535)`,
      retry: false,
      ambiguous: false,
    });
    expect(kong.world.store.targets.size).toBe(1);
  });

  it.each(["/upstreams", "/services", "/routes", "/targets"])(
    "an answer to the list of %s that isn't understood is an error, never an empty list",
    async (path) => {
      const { kong, open } = await scene();
      const registry = open();
      await converge(registry, [instance(1, { routes: ROUTES })]);
      for (const body of [{}, [], null, { data: {} }, { data: [{}] }, { data: [null] }, { data: [{ id: 1 }] }]) {
        kong.fault((hit) => (hit.path.includes(`${path}?`) ? { kind: "status", status: 200, body } : null));
        await expect(registry.list(NEVER), JSON.stringify(body)).rejects.toThrow(/^kong: list: /);
      }
      kong.fault((hit) => (hit.path.includes(`${path}?`) ? { kind: "status", status: 404, body: {} } : null));
      await expect(registry.list(NEVER)).rejects.toThrow(/^kong: list: /);
    },
  );

  it("a list that goes round in circles is an error", async () => {
    const { kong, open } = await scene();
    const row = { id: "1", name: "x", tags: null };
    kong.fault((hit) =>
      hit.path.startsWith("/upstreams?")
        ? { kind: "status", status: 200, body: { data: [row], offset: "same" } }
        : null,
    );

    await expect(open().list(NEVER)).rejects.toThrow("kong: list: the list /upstreams does not end");
  });
});

describe("what Kong is", () => {
  it.each([
    { version: "0.14.1", says: "Kong 0.14.1 is too old: Muster needs 2.0 or later" },
    { version: "1.5.1", says: "Kong 1.5.1 is too old: Muster needs 2.0 or later" },
    { version: "edge", says: 'it says that its version is "edge", which can\'t be read' },
  ])("$version is refused in words", async ({ version, says }) => {
    const { kong, open } = await scene();
    kong.fault(() => ({ kind: "status", status: 200, body: { version, configuration: { database: "postgres" } } }));

    const registry = open();
    await expect(registry.list(NEVER)).rejects.toThrow(`kong: list: ${says}`);
    const [after] = registry.project(instance(1));
    if (after === undefined) throw new Error("no entry");
    const [outcome] = await registry.apply([{ op: "register", key: after.key, before: null, after }], NEVER);
    expect(outcome).toMatchObject({ ok: false, error: expect.stringContaining(says) });
    expect(kong.writes()).toEqual([]);
  });

  it("a Kong without a database is refused unless that is configured, and the contrary", async () => {
    const dbless = await scene({ dbless: true });
    await expect(dbless.open().list(NEVER)).rejects.toThrow("has no database: say dbless: {}");

    const usual = await scene();
    await expect(usual.open(OWNER, { dbless: {} }).list(NEVER)).rejects.toThrow("has a database: remove dbless");
  });

  it("a data plane is refused", async () => {
    const { kong, open } = await scene();
    const configuration = { database: "off", role: "data_plane" };
    kong.fault(() => ({ kind: "status", status: 200, body: { version: "3.4.2", configuration } }));

    await expect(open().list(NEVER)).rejects.toThrow("is a data plane: name the Admin API of the control plane");
  });

  it("an Enterprise version has four numbers, and its token, workspace, base path and headers are used", async () => {
    const { kong } = await scene({ prefix: "/admin", workspace: "team-a" });
    const keyFile = join(folder, "key");
    await writeFile(keyFile, "an-api-key\n");
    const registry = openRegistry(kong.url, OWNER, {
      tokenFile: await writeToken(folder),
      headers: { "X-Env": "lab", "X-Api-Key": { file: keyFile } },
      workspace: "team-a",
    });

    await converge(registry, [instance(1, { routes: ROUTES })]);
    await registry[Symbol.asyncDispose]();

    const paths = kong.hits.map(({ path }) => path);
    expect(paths.filter((path) => !path.startsWith("/admin/team-a/")).every((path) => path === "/admin/")).toBe(true);
    for (const { headers } of kong.hits) {
      expect(headers).toMatchObject({ "kong-admin-token": SECRET, "x-env": "lab", "x-api-key": "an-api-key" });
    }
  });

  it("a token that was replaced is read again when it is refused, and never told", async () => {
    const { kong, open } = await scene();
    const tokenFile = await writeToken(folder, "old-token-1");
    const registry = open(OWNER, { tokenFile });
    await converge(registry, [instance(1)]);
    kong.fault(({ headers }) =>
      headers["kong-admin-token"] === "new-token-2"
        ? null
        : { kind: "status", status: 401, body: { message: headers } },
    );

    await expect(registry.list(NEVER)).rejects.toThrow(`the token in ${tokenFile} must be valid and allow it`);
    await expect(registry.list(NEVER)).rejects.not.toThrow("old-token-1");
    await writeToken(folder, "new-token-2");
    await converge(registry, [instance(1), instance(2)]);
    await rm(tokenFile);
  });

  it("a missing token file is told by its name, and may be there the next time", async () => {
    const { open } = await scene();
    const tokenFile = join(folder, "not-there");
    const registry = open(OWNER, { tokenFile });
    const { outcomes } = await pass(registry, []).catch((error: Error) => ({ outcomes: [error.message] }));

    expect(outcomes).toEqual([`kong: list: cannot read the Kong Admin token from ${tokenFile}: no such file`]);
  });

  it("a cluster whose name can't begin an upstream's is refused at once", () => {
    expect(() => openRegistry("http://127.0.0.1:1", { ...OWNER, cluster: "blue-" })).toThrow(
      /^kong: the cluster's name "blue-" begins the names of upstreams/,
    );
  });
});
