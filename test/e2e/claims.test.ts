/** Who may use which names, from the configuration file to the gateway, its proxy's view, the API and the audit log. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AuditRecord } from "../../src/audit/record.ts";
import type { InstanceView } from "../../src/http/view.ts";
import { runMuster } from "../cli.ts";
import { type FakeKong, startFakeKong } from "../fakes/kong/kong.ts";
import { until } from "../lab/wait.ts";
import { type Muster, startMuster } from "./muster.ts";

const RULES = `
  claims:
    - who: { app: ["static:shop*"] }
      services: ["shop", "shop-*"]
      hosts: ["shop.example"]
    - services: ["!shop", "!shop-*"]
      hosts: ["!shop.example"]`;

interface Entry {
  readonly service: string;
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
}

const SHOP: Entry = { service: "shop", port: 1001, labels: { "muster.route.host": "shop.example" } };

let folder: string;
let kong: FakeKong;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-claims-"));
  kong = await startFakeKong();
});
afterEach(async () => {
  await kong[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function declare(...entries: readonly Entry[]): Promise<void> {
  await writeFile(
    join(folder, "instances.yaml"),
    JSON.stringify(entries.map((entry) => ({ address: "10.0.0.1", ...entry }))),
  );
}

function configuration(rules: string): string {
  return `
node: { id: n1, address: 10.0.0.1 }
sources: { static: { file: ${folder}/instances.yaml } }
registries: { kong: { url: "${kong.url}" } }
policy:
  resync: 0s${rules}
`;
}

async function instance(muster: Muster, port: number): Promise<InstanceView> {
  return await until(
    async () => {
      const found = (await muster.instances()).find((each) => each.port === port);
      const isSettled = Object.values(found?.registries ?? {}).every(
        ({ state }) => state !== "pending" || found?.state === "pending",
      );
      return isSettled && found;
    },
    { timeoutMs: 5_000, everyMs: 20, what: `the instance on port ${port}` },
  );
}

function routes(): readonly { readonly hosts: unknown; readonly service: unknown }[] {
  const services = new Map([...kong.world.store.services.values()].map(({ id, name }) => [id, name]));
  return [...kong.world.store.routes.values()].map(({ hosts, service }) => ({
    hosts,
    service: services.get((service as { readonly id: string }).id),
  }));
}

async function audited(muster: Muster): Promise<readonly AuditRecord[]> {
  const lines = (await readFile(muster.auditPath, "utf8")).trim().split("\n");
  return lines.map((line) => JSON.parse(line) as AuditRecord);
}

describe("policy.claims", () => {
  it("lets a service have what it may, and nobody else; refusals are on their own instance and on record", async () => {
    const evil: Entry = { service: "evil", port: 1002, labels: { "muster.name": "shop" } };
    const greedy: Entry = {
      ...{ service: "greedy", port: 1003 },
      labels: { "muster.route.host": "SHOP.example,greedy.example", "muster.route.path": "/cart" },
    };
    await declare(SHOP, evil, greedy);
    await using muster = await startMuster(configuration(RULES));
    await muster.ready();

    expect(await instance(muster, 1001)).toMatchObject({ service: "shop", state: "ready", notes: [] });
    const refused = await instance(muster, 1002);
    expect(refused).toMatchObject({ state: "pending", missing: ["permission"] });
    expect(refused.notes[0]).toMatch(/^service name shop: not allowed by policy\.claims\.1 .*muster\.name/);
    const trimmed = await instance(muster, 1003);
    expect(trimmed).toMatchObject({ state: "ready", registries: { kong: { state: "registered" } } });
    expect(trimmed.notes[0]).toMatch(/^route host shop\.example: not allowed by policy\.claims\.1/);

    const targets = [...kong.world.store.targets.values()].map(({ target }) => target);
    expect(new Set(targets)).toEqual(new Set(["10.0.0.1:1001", "10.0.0.1:1003"]));
    expect(routes().flatMap(({ hosts }) => hosts)).toEqual(expect.arrayContaining(["shop.example", "greedy.example"]));
    expect(routes()).toHaveLength(2);
    const explained = await fetch(`${muster.url}/v1/explain?of=${encodeURIComponent(refused.id)}`);
    expect(await explained.text()).toContain("not allowed by policy.claims.1");
    const refusals = (await audited(muster)).filter(({ action }) => action === "refuse");
    expect(refusals.map(({ id, ok, error }) => [id, ok, error])).toEqual([
      [refused.id, false, refused.notes[0]],
      [trimmed.id, false, trimmed.notes[0]],
    ]);
  });

  it("takes back what was registered before the rules were made", async () => {
    await declare({ ...SHOP, service: "evil" });
    {
      await using muster = await startMuster(configuration(""));
      await muster.ready();
      expect(routes()).toMatchObject([{ hosts: ["shop.example"] }]);
    }
    await using muster = await startMuster(configuration(RULES));
    await muster.ready();
    await until(async () => routes().length === 0, { timeoutMs: 5_000, everyMs: 20, what: "its route to go" });
    expect(kong.world.store.targets.size).toBe(1);
  });

  it("without it, whoever has a route keeps it, and the other is told", async () => {
    await declare(SHOP);
    await using muster = await startMuster(configuration(""));
    await muster.ready();
    const before = routes();
    await declare(SHOP, { ...SHOP, service: "a-thief", port: 1002 });
    const thief = await instance(muster, 1002);
    expect(thief.registries["kong"]).toMatchObject({
      state: "failed",
      error: expect.stringMatching(/shop\.example.* is held by service shop/),
    });
    expect(routes()).toEqual(before);
  });

  it("is checked by `config check`, which prints it", async () => {
    const file = join(folder, "muster.yaml");
    await writeFile(file, configuration(RULES));
    const { code, out } = await runMuster(["config", "check", file]);
    expect([code, out.includes('"!shop-*"')]).toEqual([0, true]);
    await writeFile(file, configuration(RULES.replace('"shop.example"', '"shop example"')));
    const bad = await runMuster(["config", "check", file]);
    expect(bad).toMatchObject({ code: 2, out: "" });
    expect(bad.err.trim()).toMatch(/^[^\n]*muster\.yaml:\d+: policy\.claims\.0\.hosts\.0: expected [^\n]*$/);
  });
});
