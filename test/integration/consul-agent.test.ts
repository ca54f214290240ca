/** A Consul that is away, begins anew, or asks who is there. */
import { writeFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startFaultProxy } from "../conformance/proxy.ts";
import { check, instance } from "../conformance/registry/fleet.ts";
import { assertHolds, changesFor, converge, list, pass, project } from "../conformance/registry/pass.ts";
import { startConsul } from "../lab/consul.ts";
import { agentServices, isWrite, openRegistry } from "./consul-harness.ts";

const HOUR = 3_600_000;

describe("the Consul registry and the state of its agent", { timeout: 60_000 }, () => {
  it("heals a restarted agent and a wiped one", async () => {
    await using consul = await startConsul({ dataDir: true });
    await using registry = openRegistry(consul.url, { cluster: "c", node: { id: "n", address: "10.0.0.1" } });
    const wanted = [instance(1, { checks: [check({ interval: HOUR })] }), instance(2)];
    await converge(registry, wanted);

    await consul.kill();
    const outcomes = await registry.apply(changesFor(registry, [instance(3)], []), new AbortController().signal);
    const [start, refused, reset] = [
      `consul: register muster:c:n:task3:80: ${consul.url}: `,
      { error: "connection refused", ambiguous: false },
      // The end of a connection that was kept is heard of when it is used.
      { error: "connection reset", ambiguous: true },
    ];
    const all = [refused, reset].map((one) => ({ ok: false, retry: true, ...one, error: `${start}${one.error}` }));
    expect(outcomes).toHaveLength(1);
    expect(all).toContainEqual(outcomes[0]);
    await expect(list(registry)).rejects.toThrow(`consul: list: ${consul.url}: connection refused`);

    await consul.start();
    await assertHolds(registry, wanted);
    await consul.wipe();
    await consul.start();
    expect(await list(registry)).toEqual([]);
    await converge(registry, wanted);
    await assertHolds(registry, wanted);
  });
});

describe("the Consul registry with ACLs and TLS", { timeout: 60_000 }, () => {
  const owner = { cluster: "c", node: { id: "n", address: "10.0.0.1" } };
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "muster-consul-"));
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("uses the token in the file, and the new one as soon as that is there", async () => {
    await using consul = await startConsul({ acl: true });
    const rules = 'service "web" { policy = "write" } node_prefix "" { policy = "read" }';
    const tokenFile = join(folder, "token");
    const [first, second] = [await consul.makeToken(rules), await consul.makeToken(rules)];
    await writeFile(tokenFile, `${first}\n`);
    await using registry = openRegistry(consul.url, owner, { tokenFile });
    await converge(registry, [instance(1)]);

    await writeFile(tokenFile, "00000000-0000-0000-0000-000000000000\n");
    await expect(list(registry)).rejects.toThrow(`the token in ${tokenFile} must be valid and allow it`);
    await writeFile(tokenFile, `${second}\n`);
    await converge(registry, [instance(1), instance(2)]);
    await assertHolds(registry, [instance(1), instance(2)]);

    const { outcomes } = await pass(registry, [instance(1), instance(2), instance(3, { service: "forbidden" })]);
    expect(outcomes).toMatchObject([{ ok: false, retry: false, ambiguous: false }]);
    expect(JSON.stringify(outcomes)).toContain("Permission denied");
    expect(JSON.stringify(outcomes)).not.toContain(second);
  });

  it("uses a token without a file (CONSUL_HTTP_TOKEN), and names it when it is refused", async () => {
    await using consul = await startConsul({ acl: true });
    const token = await consul.makeToken('service "web" { policy = "write" } node_prefix "" { policy = "read" }');
    await using registry = openRegistry(consul.url, owner, { token });
    await converge(registry, [instance(1)]);
    await assertHolds(registry, [instance(1)]);
    await using refused = openRegistry(consul.url, owner, { token: "00000000-0000-0000-0000-000000000000" });
    await expect(list(refused)).rejects.toThrow("the token of CONSUL_HTTP_TOKEN must be valid");
  });

  it("looks into the file again when its token is refused, before it gives up", async () => {
    await using consul = await startConsul({ acl: true });
    await using proxy = await startFaultProxy({ target: consul.url, isMutation: isWrite });
    const tokenFile = join(folder, "rotated-token");
    const next = await consul.makeToken('service_prefix "" { policy = "write" }');
    await writeFile(tokenFile, "00000000-0000-0000-0000-000000000000");
    await using registry = openRegistry(proxy.url, owner, { tokenFile });
    const [entry] = project(registry, [instance(1)]);
    const register = changesFor(registry, [instance(1)], []);
    // The token is exchanged while a request with the old one is under way.
    proxy.failMutation(1, () => void writeFileSync(tokenFile, next));

    expect(await registry.apply(register, new AbortController().signal)).toEqual([{ ok: true }]);
    expect(Object.keys(await agentServices(consul))).toEqual([entry?.key]);
    expect(proxy.mutations).toHaveLength(2);
  });

  it("says that a token file can't be read, by name, and goes on when it can", async () => {
    await using consul = await startConsul({ acl: true });
    const tokenFile = join(folder, "late-token");
    await using registry = openRegistry(consul.url, owner, { tokenFile });
    const changes = changesFor(registry, [instance(1)], []);

    const [outcome] = await registry.apply(changes, new AbortController().signal);
    expect(outcome).toEqual({
      ok: false,
      error: `consul: register muster:c:n:task1:80: cannot read the Consul token from ${tokenFile}: no such file`,
      retry: true,
      ambiguous: false,
    });

    await writeFile(tokenFile, await consul.makeToken('service_prefix "" { policy = "write" }'));
    await converge(registry, [instance(1)]);
  });

  it("speaks mutual TLS, for all kinds of requests, and does not trust just anybody", async () => {
    await using consul = await startConsul({ tls: "mutual" });
    const files = { caFile: consul.ca, certFile: consul.cert, keyFile: consul.key };
    await using registry = openRegistry(consul.url, owner, files);
    await converge(registry, [instance(1)]);
    await assertHolds(registry, [instance(1)]);
    await converge(registry, []);

    await using trusting = openRegistry(consul.url, owner);
    await expect(list(trusting)).rejects.toThrow(/^consul: list: https:\S+: TLS: /);
  });

  it("names a TLS file that can't be used", () => {
    const caFile = join(folder, "absent.pem");

    expect(() => openRegistry("https://127.0.0.1:1", owner, { caFile })).toThrow(`cannot use ${caFile} for TLS: `);
  });
});
