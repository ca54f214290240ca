/** Sends calls to AWS: paced, with a time limit, tried again when throttled, and with errors that say what to do. */
import { Readable } from "node:stream";
import { ElasticLoadBalancingV2Client } from "@aws-sdk/client-elastic-load-balancing-v2";
import { readBounded } from "../../bounded.ts";
import type { RequestError } from "../../failure.ts";
import { callError, isExpired, isThrottled, notUnderstood } from "./errors.ts";
import { createPace, type Timing } from "./pace.ts";

export interface Sender {
  /**
   * Waits for its turn, sends, and rejects with `signal.reason` on abort, else with a `RequestError`.
   * @param action e.g. `DescribeTags`; whatever doesn't begin with `Describe` is a write
   */
  call<Output>(
    action: string,
    send: (client: ElasticLoadBalancingV2Client) => Promise<Output>,
    signal: AbortSignal,
  ): Promise<Output>;
  dispose(): void;
}

export interface SenderOptions {
  readonly region: string | (() => Promise<string>) | undefined;
  readonly endpoint: string | undefined;
  /** ms for one call */
  readonly timeout: number;
  readonly musters: number;
}

/** What the account allows, of which others take their part (facts/alb.md §1.3); calls per second. */
const READS = { rate: 10, burst: 20 };
const WRITES = { rate: 4, burst: 10 };
/** Nobody knows how many there are: as many as that still find their share. */
const CALLERS = 50;
/** A throttled call is made again after a pause, a few times; then whoever asked is told. */
const ATTEMPTS = 4;
/** Of one answer: a page of 400 is about 1 MB. */
const MAX_BYTES = 16 * 1024 * 1024;

export function createSender(options: SenderOptions, timing: Timing, random: () => number): Sender {
  const callers = Math.max(options.musters, CALLERS);
  const reads = createPace({ ...READS, callers }, timing, random);
  const writes = createPace({ ...WRITES, callers }, timing, random);
  const where = options.endpoint ?? "the ELBv2 API";
  let client = createClient(options);

  /** The default chain keeps what it was given until it says itself that it has expired. */
  function renew(): void {
    client.destroy();
    client = createClient(options);
  }

  async function understood(thrown: unknown, action: string): Promise<RequestError> {
    const secrets = await secretsOf(client, thrown);
    const error = callError(thrown, { action, where, timeout: options.timeout, secrets });
    if (isExpired(error)) renew();
    return error;
  }

  return {
    async call(action, send, signal) {
      const pace = action.startsWith("Describe") ? reads : writes;
      for (let attempt = 1; ; attempt += 1) {
        await orAbort(pace.turn(signal), signal);
        try {
          const output = await orAbort(send(client), signal);
          pace.succeeded();
          return output;
        } catch (thrown) {
          signal.throwIfAborted();
          const error = await understood(thrown, action);
          if (!isThrottled(error)) throw error;
          pace.throttled();
          if (attempt >= ATTEMPTS) throw error;
        }
      }
    },
    dispose: () => client.destroy(),
  };
}

function createClient({ region, endpoint, timeout }: SenderOptions): ElasticLoadBalancingV2Client {
  // It would tell users of Node 20 at every start that they should move on; they know.
  process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";
  const client = new ElasticLoadBalancingV2Client({
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    // Trying again is up to us: every attempt costs a token.
    maxAttempts: 1,
    // By default it would wait for ever (facts/alb.md §1.4).
    requestHandler: { connectionTimeout: timeout, requestTimeout: timeout, throwOnRequestTimeout: true },
  });
  mustBeAnswered(client, timeout);
  return client;
}

/**
 * A write's result is empty, and a proxy's page reads as empty as well: it would be taken for success. The SDK itself reads
 * whatever comes, for as long as something comes.
 */
function mustBeAnswered(client: ElasticLoadBalancingV2Client, timeout: number): void {
  client.middlewareStack.add(
    (next, { commandName = "" }) =>
      async (args) => {
        const result = await next(args);
        const response = result.response as { readonly statusCode?: unknown; body?: unknown };
        if (!(response.body instanceof Readable)) return result;
        const body = await readBounded(response.body, { maxBytes: MAX_BYTES, timeout });
        const action = commandName.replace(/Command$/, "");
        if (response.statusCode === 200 && !body.includes(`<${action}Response`)) throw notUnderstood(action);
        response.body = new Uint8Array(body);
        return result;
      },
    // Before the deserializer sees it.
    { step: "deserialize", priority: "low", name: "mustBeAnswered" },
  );
}

/** What a server may have quoted. Only after an answer: then the credentials are at hand. */
async function secretsOf(client: ElasticLoadBalancingV2Client, error: unknown): Promise<readonly string[]> {
  if (!(error instanceof Error) || !("$response" in error || "$metadata" in error)) return [];
  if (error.name === "CredentialsProviderError") return [];
  try {
    const { accessKeyId, secretAccessKey, sessionToken = "" } = await client.config.credentials();
    return [accessKeyId, secretAccessKey, sessionToken];
  } catch {
    return [];
  }
}

/** The credentials' chain knows no signal, and whoever waits behind another's turn must not wait for it to stop. */
async function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
  });
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
    work.catch(() => {});
  }
}
