/**
 * A DC/OS service account: a JWT (RS256) of the account's own key is exchanged for a token at the login endpoint, which
 * is renewed before it expires and when it is refused (facts/marathon.md §1).
 */
import { sign } from "node:crypto";
import { readFileSync } from "node:fs";
import * as v from "valibot";
import type { TlsMaterial } from "../../connections.ts";
import { createHttpClient, parseAnswer } from "../../http.ts";
import type { Auth } from "./auth.ts";

export interface ServiceAccountOptions {
  readonly file: string;
  /** ms for the login. */
  readonly timeout: number;
  readonly tls: TlsMaterial;
  now(): number;
}

const Account = v.object({
  uid: v.pipe(v.string(), v.nonEmpty()),
  private_key: v.pipe(v.string(), v.includes("-----BEGIN ")),
  login_endpoint: v.pipe(v.string(), v.url()),
});
type Account = v.InferOutput<typeof Account>;

const Answer = v.object({ token: v.pipe(v.string(), v.regex(/^[\x21-\x7e]+$/)) });
const Claims = v.object({ exp: v.number() });

/** How long a login's own JWT is good for, ms. */
const LOGIN_LIFE = 60_000;
/** A token is renewed so long before its end, ms. */
const MARGIN = 60_000;
/** Assumed for a token that does not tell its end, ms; DC/OS's own live for five days. */
const DEFAULT_LIFE = 3_600_000;

interface Token {
  readonly value: string;
  /** ms since the epoch. */
  readonly renewAt: number;
}

export function createServiceAccount({ file, timeout, tls, now }: ServiceAccountOptions): Auth {
  let held: Token | null = null;
  let login: Promise<Token> | null = null;

  return {
    isNone: false,
    async headers(signal) {
      if (held === null || now() >= held.renewAt) held = await loginOnce(signal);
      return { authorization: `token=${held.value}` };
    },
    refused() {
      held = null;
      return true;
    },
    [Symbol.asyncDispose]: async () => {},
  };

  /** Single-flight: all who wait share one login. */
  function loginOnce(signal: AbortSignal): Promise<Token> {
    login ??= logIn(signal).finally(() => {
      login = null;
    });
    return login;
  }

  async function logIn(signal: AbortSignal): Promise<Token> {
    const account = readAccount(file);
    const url = new URL(account.login_endpoint);
    await using http = createHttpClient({ url: url.origin, timeout, tls, connections: 1, maxBytes: 1024 * 1024 });
    const body = { uid: account.uid, token: loginToken(account, file, now()) };
    const answer = await http.send({ method: "POST", path: `${url.pathname}${url.search}`, body }, signal);
    if (answer.status !== 200)
      throw new Error(
        `${url.origin} answered the login of ${account.uid} with HTTP ${answer.status} – is the key in ${file} the account's?`,
      );
    const { token } = parseAnswer(Answer, answer);
    return { value: token, renewAt: renewalOf(token, now()) };
  }
}

function readAccount(file: string): Account {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "it is not JSON";
    throw new Error(`cannot read the DC/OS service account from ${file}: ${code}`);
  }
  const { success, output } = v.safeParse(Account, json);
  if (success) return output;
  throw new Error(`${file} is no DC/OS service account: expected JSON with uid, private_key (PEM) and login_endpoint`);
}

/** A JWT that says who asks, signed with the account's key. */
function loginToken({ uid, private_key: key }: Account, file: string, now: number): string {
  const claims = { uid, exp: Math.floor((now + LOGIN_LIFE) / 1000) };
  const content = [{ alg: "RS256", typ: "JWT" }, claims].map(base64url).join(".");
  try {
    return `${content}.${sign("sha256", Buffer.from(content), key).toString("base64url")}`;
  } catch {
    // OpenSSL's own words may hold parts of the key.
    throw new Error(`the private_key in ${file} can't be used: expected an RSA key in PEM format`);
  }
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** The token is a JWT as well, and tells its own end. */
function renewalOf(token: string, now: number): number {
  const end = endOf(token);
  if (end === null) return now + DEFAULT_LIFE;
  // A short-lived one is renewed after two thirds of its life.
  return Math.max(now + (end - now) * (2 / 3), end - MARGIN);
}

function endOf(token: string): number | null {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    return v.is(Claims, claims) ? claims.exp * 1000 : null;
  } catch {
    return null;
  }
}
