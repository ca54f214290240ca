/** Who may ask: HTTP basic, a token as in DC/OS, or a service account that gets one for a signed JWT (RS256). */
import { verify } from "node:crypto";
import * as v from "valibot";

export type Credentials =
  | { readonly username: string; readonly password: string }
  | { readonly token: string }
  | {
      readonly uid: string;
      /** PEM */
      readonly publicKey: string;
      /** How long a token lasts, ms. @default 5 days */
      readonly tokenMs?: number;
    };

export interface Access {
  isAllowed(authorization: string | undefined): boolean;
  /** `POST /acs/api/v1/auth/login`; undefined: refused. @param body parsed JSON */
  login(body: unknown): { readonly token: string } | undefined;
  /** Tokens given so far end at once, as when they are revoked. */
  revoke(): void;
  /** Logins granted so far. */
  logins(): number;
}

const Login = v.object({ uid: v.string(), token: v.string() });
const Claims = v.object({ uid: v.string(), exp: v.number() });

export function createAccess(credentials: Credentials | undefined, now: () => number): Access {
  /** Token → ms since the epoch at which it ends. */
  const tokens = new Map<string, number>();
  let granted = 0;

  return {
    isAllowed(authorization) {
      if (credentials === undefined) return true;
      if ("username" in credentials) {
        const pair = Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64");
        return authorization === `Basic ${pair}`;
      }
      if ("token" in credentials) return authorization === `token=${credentials.token}`;
      return (tokens.get((authorization ?? "").replace(/^token=/, "")) ?? 0) > now();
    },
    login(body) {
      const login = v.safeParse(Login, body);
      if (credentials === undefined || !("publicKey" in credentials) || !login.success) return undefined;
      if (login.output.uid !== credentials.uid || !isSigned(login.output.token, credentials, now())) return undefined;
      granted += 1;
      const token = `dcos-${granted}`;
      tokens.set(token, now() + (credentials.tokenMs ?? 432_000_000));
      return { token };
    },
    revoke: () => tokens.clear(),
    logins: () => granted,
  };
}

function isSigned(
  jwt: string,
  { uid, publicKey }: { readonly uid: string; readonly publicKey: string },
  now: number,
): boolean {
  const [header = "", payload = "", signature = ""] = jwt.split(".");
  const isGenuine = verify(
    "RSA-SHA256",
    Buffer.from(`${header}.${payload}`),
    publicKey,
    Buffer.from(signature, "base64url"),
  );
  if (!isGenuine) return false;
  const claims = v.parse(Claims, JSON.parse(Buffer.from(payload, "base64url").toString()));
  return claims.uid === uid && claims.exp * 1000 > now;
}
