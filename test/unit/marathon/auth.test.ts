import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { afterEach, describe, expect, it } from "vitest";
import { createAuth } from "../../../adapters/sources/marathon/auth.ts";
import { MarathonOptions } from "../../../adapters/sources/marathon/options.ts";

const folder = mkdtempSync(join(tmpdir(), "marathon-auth-"));
const signal = new AbortController().signal;
const servers: Server[] = [];
let now = 1_000_000_000_000;

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

function auth(options: v.InferInput<typeof MarathonOptions>) {
  return createAuth(v.parse(MarathonOptions, options), { tls: {}, now: () => now });
}

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** @param answer the n-th login's status and token */
async function loginServer(
  answer: (login: number) => readonly [number, string],
): Promise<{ url: string; logins(): number }> {
  let logins = 0;
  const server = createServer((_, response) => {
    logins += 1;
    const [status, token] = answer(logins);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ token }));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/acs/api/v1/auth/login`,
    logins: () => logins,
  };
}

function account(url: string, key?: string): string {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = key ?? privateKey.export({ type: "pkcs1", format: "pem" }).toString();
  return file("account.json", JSON.stringify({ uid: "muster", private_key: pem, login_endpoint: url }));
}

/** As DC/OS's own: a JWT that ends at `end`, ms. */
function token(end: number): string {
  return `h.${Buffer.from(JSON.stringify({ exp: end / 1000 })).toString("base64url")}.s`;
}

describe("credentials", () => {
  it.each([
    [{}, {}],
    [{ username: "joe", passwordFile: file("pw", "s3cret\n") }, { authorization: "Basic am9lOnMzY3JldA==" }],
    [{ tokenFile: file("token", "abc") }, { authorization: "token=abc" }],
    [{ tokenFile: file("token", "abc"), tokenScheme: "bearer" as const }, { authorization: "Bearer abc" }],
  ])("of %j", async (options, headers) => {
    expect(await auth(options).headers(signal)).toEqual(headers);
  });

  it("that were refused are tried again only if the file holds others now", async () => {
    const tokenFile = file("rotated", "old");
    const credentials = auth({ tokenFile });
    await credentials.headers(signal);
    expect(credentials.refused()).toBe(false);
    writeFileSync(tokenFile, "new");
    expect(credentials.refused()).toBe(true);
    expect(await credentials.headers(signal)).toEqual({ authorization: "token=new" });
  });

  it("in a file that is not there are named by the file", async () => {
    const tokenFile = join(folder, "absent");
    await expect(auth({ tokenFile }).headers(signal)).rejects.toThrow(
      `cannot read the Marathon token from ${tokenFile}: no such file`,
    );
  });
});

describe("a DC/OS service account", () => {
  it("logs in once for all, and again before its token ends", async () => {
    const server = await loginServer((login) => [200, token(now + login * 600_000)]);
    const credentials = auth({ serviceAccountSecretFile: account(server.url) });
    const sent = await Promise.all([1, 2, 3].map(() => credentials.headers(signal)));
    expect(new Set(sent.map(({ authorization }) => authorization)).size).toBe(1);
    now += 530_000;
    await credentials.headers(signal);
    expect(server.logins()).toBe(1);
    now += 20_000;
    await credentials.headers(signal);
    expect(server.logins()).toBe(2);
  });

  it("logs in again when its token is refused", async () => {
    const server = await loginServer((login) => [200, `opaque-${login}`]);
    const credentials = auth({ serviceAccountSecretFile: account(server.url) });
    await credentials.headers(signal);
    expect(credentials.refused()).toBe(true);
    expect(await credentials.headers(signal)).toEqual({ authorization: "token=opaque-2" });
  });

  it("whose login is refused, or whose key is none, says so without the key", async () => {
    const server = await loginServer(() => [401, "x"]);
    const refused = auth({ serviceAccountSecretFile: account(server.url) });
    await expect(refused.headers(signal)).rejects.toThrow(
      /^http:\S+ answered the login of muster with HTTP 401 – is the key in \S+ the account's\?$/,
    );
    const broken = auth({
      serviceAccountSecretFile: account(
        server.url,
        "-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0\n-----END RSA PRIVATE KEY-----",
      ),
    });
    await expect(broken.headers(signal)).rejects.toThrow(
      /^the private_key in \S+ can't be used: expected an RSA key in PEM format$/,
    );
  });

  it.each([
    ["{", "cannot read the DC/OS service account from \\S+: it is not JSON"],
    ["{}", "is no DC/OS service account: expected JSON with uid, private_key \\(PEM\\) and login_endpoint"],
  ])("that is %s is told by its file", async (content, expected) => {
    const serviceAccountSecretFile = file("broken.json", content);
    await expect(auth({ serviceAccountSecretFile }).headers(signal)).rejects.toThrow(new RegExp(expected));
  });
});
