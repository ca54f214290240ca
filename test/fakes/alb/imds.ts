/** A fake instance metadata service, version 2 only: a token by PUT, then paths by GET. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface FakeImds extends AsyncDisposable {
  readonly url: string;
  readonly facts: Map<string, string>;
  tokens: number;
  reads: number;
  /** As for a client that is one hop too far away: the token never comes. */
  hopLimit: "enough" | "too small";
  /** The tokens given so far are not good any more. */
  expireTokens(): void;
}

export async function startFakeImds(): Promise<FakeImds> {
  const valid = new Set<string>();
  const held = new Set<ServerResponse>();

  function handle(request: IncomingMessage, response: ServerResponse): void {
    if (request.method === "PUT" && request.url === "/latest/api/token") giveToken(request, response);
    else if (request.method !== "GET") response.writeHead(405).end();
    else if (!valid.has(String(request.headers["x-aws-ec2-metadata-token"])))
      response.writeHead(401).end("Unauthorized");
    else giveFact(request.url ?? "", response);
  }

  function giveToken(request: IncomingMessage, response: ServerResponse): void {
    imds.tokens += 1;
    const ttl = Number(request.headers["x-aws-ec2-metadata-token-ttl-seconds"]);
    if (imds.hopLimit === "too small") return void held.add(response);
    if (!(ttl >= 1 && ttl <= 21_600)) return void response.writeHead(400).end();
    const token = `token-${imds.tokens}`;
    valid.add(token);
    response.writeHead(200, { "x-aws-ec2-metadata-token-ttl-seconds": String(ttl) }).end(token);
  }

  function giveFact(path: string, response: ServerResponse): void {
    imds.reads += 1;
    const value = imds.facts.get(path.replace("/latest/meta-data/", ""));
    if (value === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": "text/plain" }).end(value);
  }

  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const imds: FakeImds = {
    url: `http://127.0.0.1:${port}`,
    facts: new Map([
      ["instance-id", "i-0123456789abcdef0"],
      ["local-ipv4", "10.0.0.1"],
      ["placement/availability-zone", "eu-west-1a"],
      ["placement/region", "eu-west-1"],
    ]),
    tokens: 0,
    reads: 0,
    hopLimit: "enough",
    expireTokens: () => valid.clear(),
    async [Symbol.asyncDispose]() {
      for (const response of held) response.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return imds;
}
