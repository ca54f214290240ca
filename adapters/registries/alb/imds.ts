/** Who this machine is, by the EC2 instance metadata service, version 2 (a token first; version 1 is never used). */
import { readBounded } from "../../bounded.ts";
import { type Connections, openConnections } from "../../connections.ts";
import { isTimeout, messageOf, RequestError } from "../../failure.ts";

/** What EC2 says of this machine. */
export interface Machine {
  readonly instanceId: string;
  /** Private IPv4 address of the first network interface. */
  readonly address: string;
  /** e.g. `eu-west-1a` */
  readonly zone: string;
  readonly region: string;
}

export interface Imds {
  /** Asks once; a failure is not kept. Rejects with a {@link RequestError} that says what to do, or `signal.reason`. */
  machine(signal: AbortSignal): Promise<Machine>;
}

const DEFAULT_URL = "http://169.254.169.254";
/** Link-local: it answers in a millisecond or never. */
const TIMEOUT_MS = 1000;
const ATTEMPTS = 3;
/** It answers with single words, and a token of 56 bytes. */
const MAX_BYTES = 65_536;

/** The variables are the SDK's own. */
export function createImds(env: NodeJS.ProcessEnv = process.env): Imds {
  const url = (env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] || DEFAULT_URL).replace(/\/+$/, "");
  // Nothing is kept open for a server that is asked once.
  const connections = openConnections({ keepIdle: 0 });
  let known: Machine | null = null;

  async function machine(signal: AbortSignal): Promise<Machine> {
    if (env["AWS_EC2_METADATA_DISABLED"] === "true") throw unknown("AWS_EC2_METADATA_DISABLED is true");
    const token = await tokenOf(connections, url, signal);
    const read = (path: string) => get(connections, `${url}/latest/meta-data/${path}`, token, signal);
    return {
      instanceId: await read("instance-id"),
      address: await read("local-ipv4"),
      zone: await read("placement/availability-zone"),
      region: await read("placement/region"),
    };
  }

  return {
    async machine(signal) {
      known ??= await machine(signal);
      return known;
    },
  };
}

async function tokenOf(connections: Connections, url: string, signal: AbortSignal): Promise<string> {
  const headers = { "x-aws-ec2-metadata-token-ttl-seconds": "60" };
  let last: unknown = null;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    try {
      return await exchange(connections, "PUT", `${url}/latest/api/token`, headers, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof RequestError) throw error;
      last = error;
    }
  }
  // From one hop too far the token's answer is dropped on the way back: the request is sent and nothing comes.
  const isSilent = isTimeout(last);
  throw unknown(
    isSilent
      ? `the metadata service at ${url} does not answer. In a container that is the hop limit: ` +
          "aws ec2 modify-instance-metadata-options --instance-id ID --http-tokens required --http-put-response-hop-limit 2"
      : `the metadata service at ${url} can't be reached (${messageOf(last)})`,
  );
}

async function get(connections: Connections, url: string, token: string, signal: AbortSignal): Promise<string> {
  try {
    return await exchange(connections, "GET", url, { "x-aws-ec2-metadata-token": token }, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof RequestError ? error : unknown(`${url}: ${messageOf(error)}`);
  }
}

async function exchange(
  connections: Connections,
  method: "GET" | "PUT",
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<string> {
  const { status, body } = await connections.request(url, { method, headers, timeout: TIMEOUT_MS }, signal);
  const text = (await readBounded(body, { maxBytes: MAX_BYTES, timeout: TIMEOUT_MS })).toString().trim();
  if (status !== 200 || text === "") throw unknown(`${url} answers with status ${status}`);
  return text;
}

function unknown(why: string): RequestError {
  const message = `this machine's EC2 instance id is not known: ${why}; or set registries.alb.instanceId`;
  return new RequestError(message, { retry: true, ambiguous: false });
}
