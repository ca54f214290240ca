/** The token for a Consul agent: read from its file at each request, looked at again when it is refused, never told. */
import { messageOf, RequestError } from "./failure.ts";
import { openSecret } from "./secret.ts";

export interface ConsulToken {
  /**
   * Makes a call with the token (undefined: none is configured). A token that was changed in its file may have been
   * revoked before anyone looked: after one refusal (403) the file is read afresh, and the call is made once more.
   * Errors say what the token lacks and never hold it.
   * @param needed the permissions that the call needs, e.g. `service:write on the service's name`
   */
  authorised<T>(needed: string, call: (token: string | undefined) => Promise<T>): Promise<T>;
}

export interface ConsulTokenOptions {
  readonly tokenFile?: string | undefined;
  /** From CONSUL_HTTP_TOKEN. */
  readonly token?: string | undefined;
}

export function openConsulToken({ tokenFile, token: fixed }: ConsulTokenOptions): ConsulToken {
  const secret = tokenFile === undefined ? null : openSecret(tokenFile, "Consul token");

  function read(options?: { readonly fresh: true }): string | undefined {
    try {
      return secret === null ? fixed : secret.read(options);
    } catch (cause) {
      // It may be readable the next time.
      throw new RequestError(messageOf(cause), { retry: true, ambiguous: false, cause });
    }
  }

  /**
   * Says what a refused token lacks, since 1.8.7 says no more than "Permission denied", and takes the token itself out: a
   * server, or a proxy on the way, may well repeat what it was sent.
   */
  function explained(error: unknown, token: string | undefined, needed: string): unknown {
    if (!(error instanceof RequestError)) return error;
    const origin = tokenFile === undefined ? "of CONSUL_HTTP_TOKEN" : `in ${tokenFile}`;
    const whose = token === undefined ? "no tokenFile is configured" : `the token ${origin} must be valid and allow it`;
    const message = isRefusal(error) ? `${error.message} (${whose}; needed: ${needed})` : error.message;
    const { status, retry, ambiguous } = error;
    const leaks = token !== undefined && message.includes(token);
    const safe = leaks ? message.replaceAll(token, "[redacted]") : message;
    // A cause that holds the token would bring it back.
    return new RequestError(safe, { status, retry, ambiguous, ...(!leaks && { cause: error.cause }) });
  }

  return {
    async authorised(needed, call) {
      const token = read();
      try {
        return await call(token);
      } catch (error) {
        const fresh = isRefusal(error) ? read({ fresh: true }) : token;
        if (fresh === token) throw explained(error, token, needed);
        return await call(fresh).catch((again: unknown) => {
          throw explained(again, fresh, needed);
        });
      }
    },
  };
}

function isRefusal(error: unknown): boolean {
  return error instanceof RequestError && error.status === 403;
}
