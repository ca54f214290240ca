/** The connection to Marathon: broken, silent, garbled, guarded by credentials and TLS. */
import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startMarathon } from "../lab/marathon/marathon.ts";
import { until } from "../lab/wait.ts";
import { marathonSource } from "../unit/marathon/lab.ts";
import { type Landscape, openLandscape } from "../unit/marathon/landscape.ts";
import { watchSource } from "../watch-source.ts";

const WEB = { id: "/web", ports: [0], instances: 2 };
const folder = mkdtempSync(join(tmpdir(), "marathon-"));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

async function openWeb(options: Parameters<typeof openLandscape>[0] = {}): Promise<Landscape> {
  const land = await openLandscape(options);
  land.marathon.cluster.deploy(WEB);
  await land.synced(1);
  await land.agrees();
  return land;
}

describe("marathon's event stream", () => {
  it("is read byte by byte, with heart-beats in between, and without another listing", async () => {
    await using land = await openWeb({
      marathon: { heartbeatMs: 1 },
      limits: { secondLook: 60_000, guardedLook: 60_000 },
    });
    const { cluster, faults } = land.marathon;
    faults.chunk(1);
    cluster.restart("/web");
    await land.agrees();
    cluster.crash(cluster.tasks("/web")[0] ?? "");
    await land.agrees();
    expect(land.facts.filter(({ kind }) => kind === "synced")).toHaveLength(1);
    expect(land.notices()).toEqual([]);
  });

  it("is given up when it falls silent, since a dead peer sends no end", async () => {
    await using land = await openWeb({ marathon: { heartbeatMs: 20 }, setup: { options: { idle: "200ms" } } });
    const { cluster, faults } = land.marathon;
    // Looked at as it happens: the next connection lists anew.
    const ends: { readonly error: string | null; readonly registered: number }[] = [];
    land.world.subscribe({
      sourceChanged({ state, error }) {
        if (state === "disconnected") ends.push({ error, registered: land.registered().length });
      },
    });
    faults.stall(true);
    cluster.scale("/web", 5);
    await land.until("the disconnection", () => ends.length > 0);
    expect(ends[0]?.error).toMatch(/^marathon: http:\S+: no heart-beat within 200 ms$/);
    expect(ends[0]?.registered).toBe(2);
    faults.stall(false);
    await land.agrees();
    expect(land.registered()).toHaveLength(5);
  });

  it.each(["end", "half", "reset"] as const)("is taken up again after it was cut (%s)", async (how) => {
    await using land = await openWeb();
    const { cluster, faults } = land.marathon;
    faults.cut(how);
    await until(() => land.marathon.streams() === 0, { what: "the cut", timeoutMs: 5_000, everyMs: 1 });
    cluster.scale("/web", 3);
    await land.agrees();
    expect(land.notices()).toEqual([]);
  });

  it("skips what is too large or makes no sense, tells so once each, and lists again", async () => {
    await using land = await openWeb({ limits: { maxEvent: 10_000 } });
    const { cluster, faults } = land.marathon;
    faults.unknownEvent();
    faults.write(`event: status_update_event\r\ndata: ${"x".repeat(30_000)}\r\n\r\n`);
    faults.write('event: status_update_event\r\ndata: {"taskId": "web"}\r\n\r\n');
    cluster.scale("/web", 3);
    await land.agrees();
    await land.synced(2);
    expect(land.notices()).toEqual([
      expect.stringMatching(/^marathon: http:\S+ sent an event longer than 10000 characters; skipped, /),
      expect.stringMatching(
        / sent an event of type status_update_event without taskId, appId or taskStatus; skipped, /,
      ),
    ]);
  });

  it("is asked for with exactly the Accept header that Jetty wants, light and filtered", async () => {
    const seen: { url: string; accept: string | undefined }[] = [];
    const server = createServer((request, response) => {
      seen.push({ url: request.url ?? "", accept: request.headers.accept });
      response.writeHead(404).end();
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { source } = marathonSource([`http://127.0.0.1:${(server.address() as AddressInfo).port}/marathon`]);
    await using watch = watchSource(source);
    await watch.until("a question", () => seen.length > 0);
    server.close();
    expect(seen[0]?.accept).toBe("text/event-stream");
    expect(seen[0]?.url).toMatch(/^\/marathon\/v2\/events\?plan-format=light&event_type=status_update_event&/);
  });
});

describe("marathon behind credentials", () => {
  it.each(["", "/marathon"])("takes a user's name and password, under the path %j", async (pathPrefix) => {
    const passwordFile = file("password", "s3cret\n");
    await using land = await openWeb({
      marathon: { credentials: { username: "muster", password: "s3cret" }, pathPrefix, nodes: 3, version: "1.10" },
      setup: { options: { username: "muster", passwordFile } },
    });
    land.marathon.cluster.failover();
    land.marathon.cluster.scale("/web", 3);
    await land.agrees();
    expect(JSON.stringify([land.facts, land.log.lines])).not.toContain("s3cret");
  });

  it("takes a token from a file, and the next one when it is rotated", async () => {
    const tokenFile = file("token", "wrong-token");
    await using marathon = await startMarathon({ now: Date.now, credentials: { token: "right-token" } });
    const { source } = marathonSource(marathon.urls, { options: { tokenFile } });
    await using watch = watchSource(source);
    await watch.until("a refusal", () => watch.facts.some(({ kind }) => kind === "source"));
    const [refused] = watch.facts;
    expect(refused).toMatchObject({
      error: expect.stringMatching(
        /^marathon: http:\S+ answered GET \/v2\/events with HTTP 401 – are the credentials right/,
      ),
    });
    writeFileSync(tokenFile, "right-token\n");
    await watch.until("a listing", () => watch.syncs() === 1);
    expect(JSON.stringify(watch.facts)).not.toContain("-token");
  });

  it("logs in as a DC/OS service account, and again when its token ends or is revoked", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const credentials = { uid: "muster", publicKey: publicKey.export({ type: "spki", format: "pem" }).toString() };
    await using marathon = await startMarathon({ now: Date.now, credentials });
    const secret = {
      uid: "muster",
      private_key: pem,
      login_endpoint: `${marathon.urls[0]}/acs/api/v1/auth/login`,
      scheme: "RS256",
    };
    const serviceAccountSecretFile = file("account.json", JSON.stringify(secret, null, 2));
    marathon.cluster.deploy(WEB);
    const { source, log } = marathonSource(marathon.urls, { options: { serviceAccountSecretFile } });
    await using watch = watchSource(source);
    await watch.until("a listing", () => watch.syncs() === 1);
    expect(marathon.logins()).toBe(1);
    marathon.revokeTokens();
    source.resync?.();
    await watch.until("another listing", () => watch.syncs() === 2);
    expect(marathon.logins()).toBe(2);
    expect(watch.running().size).toBe(2);
    expect(JSON.stringify([watch.facts, log.lines])).not.toMatch(/PRIVATE KEY|dcos-1/);
  });

  it("shows them to no host that is not configured", async () => {
    await using marathon = await startMarathon({ now: Date.now });
    marathon.cluster.deploy(WEB);
    const asked: (string | undefined)[] = [];
    const stranger = createServer((request, response) => {
      asked.push(request.headers.authorization);
      response.writeHead(401).end();
    }).listen(0, "127.0.0.2");
    await new Promise((resolve) => stranger.once("listening", resolve));
    const there = `http://127.0.0.2:${(stranger.address() as AddressInfo).port}`;
    const standby = createServer((request, response) => {
      response.writeHead(302, { location: `${there}${request.url}` }).end();
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => standby.once("listening", resolve));
    const passwordFile = file("password", "s3cret\n");
    const here = `http://127.0.0.1:${(standby.address() as AddressInfo).port}`;
    const { source } = marathonSource([here], { options: { username: "muster", passwordFile } });
    await using watch = watchSource(source);
    await watch.until("a refusal", () => watch.facts.some(({ kind }) => kind === "source"));
    stranger.close();
    standby.close();
    expect(new Set(asked)).toEqual(new Set([undefined]));
    expect(watch.facts[0]).toMatchObject({
      error: expect.stringContaining(`credentials go to configured hosts only: add ${there} to sources.marathon.urls`),
    });
  });

  it("speaks TLS with a private authority, and trusts no other", async () => {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const subject = ["-subj", "/CN=marathon", "-addext", "subjectAltName=IP:127.0.0.1"];
    const made = [
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-days",
      "2",
      ...subject,
      "-keyout",
      key,
      "-out",
      cert,
    ];
    execFileSync("openssl", made, { stdio: "ignore" });
    const tls = { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
    await using land = await openWeb({ marathon: { tls }, setup: { options: { caFile: cert } } });
    land.marathon.cluster.scale("/web", 3);
    await land.agrees();

    const { source } = marathonSource(land.marathon.urls);
    await using watch = watchSource(source);
    await watch.until("a refusal", () => watch.facts.some(({ kind }) => kind === "source"));
    expect(watch.facts[0]).toMatchObject({ error: expect.stringMatching(/^marathon: https:\S+: .*certificate/) });
  });
});

describe("marathon's listings", () => {
  it("come again on a period", async () => {
    await using land = await openWeb({ setup: { options: { resync: "100ms" } } });
    const { cluster, faults } = land.marathon;
    faults.lose(true);
    cluster.scale("/web", 4);
    await land.agrees();
    expect(land.registered()).toHaveLength(4);
  });

  it("come again when the leader registers with Mesos", async () => {
    await using land = await openWeb();
    const { cluster, faults } = land.marathon;
    faults.lose(true);
    cluster.scale("/web", 4);
    faults.lose(false);
    cluster.publish("scheduler_reregistered_event", { master: "m2" });
    await land.agrees();
  });
});
