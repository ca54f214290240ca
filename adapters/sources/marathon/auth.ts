/** Who Muster is to Marathon: the Authorization header, from files that may change at any time. */
import type { TlsMaterial } from "../../connections.ts";
import { openSecret } from "../../secret.ts";
import type { MarathonOptions } from "./options.ts";
import { createServiceAccount } from "./service-account.ts";

export interface Auth extends AsyncDisposable {
  /** Headers for one request. Rejects with an Error that names the file or server that is at fault, never a secret. */
  headers(signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
  /**
   * The last headers were refused (401).
   * @returns whether others can be had, so that another attempt makes sense
   */
  refused(): boolean;
  /** Whether there are credentials at all. */
  readonly isNone: boolean;
}

export interface AuthContext {
  readonly tls: TlsMaterial;
  now(): number;
}

export function createAuth(options: MarathonOptions, context: AuthContext): Auth {
  const { username, passwordFile, tokenFile, tokenScheme, serviceAccountSecretFile } = options;
  if (username !== undefined && passwordFile !== undefined) {
    const encode = (password: string) => `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
    return fromFile(passwordFile, "Marathon password", encode);
  }
  if (tokenFile !== undefined) {
    const encode = (token: string) => (tokenScheme === "bearer" ? `Bearer ${token}` : `token=${token}`);
    return fromFile(tokenFile, "Marathon token", encode);
  }
  if (serviceAccountSecretFile !== undefined) {
    const { timeout } = options;
    return createServiceAccount({ file: serviceAccountSecretFile, timeout, ...context });
  }
  return { isNone: true, headers: async () => ({}), refused: () => false, [Symbol.asyncDispose]: async () => {} };
}

function fromFile(file: string, what: string, encode: (secret: string) => string): Auth {
  const secret = openSecret(file, what);
  let sent: string | null = null;
  return {
    isNone: false,
    headers: async () => {
      sent = secret.read();
      return { authorization: encode(sent) };
    },
    refused() {
      const before = sent;
      // Somebody may have rotated it at this very moment.
      return secret.read({ fresh: true }) !== before;
    },
    [Symbol.asyncDispose]: async () => {},
  };
}
