/**
 * The least that answers HTTP and registers what runs: a server, one listing, one inspect and one PUT a container.
 * Arguments: the engine's socket, Consul's URL, the address to register, the port to answer at.
 */
import { Agent, createServer, request } from "node:http";
import { text } from "node:stream/consumers";

const [socketPath = "", consul = "", address = "", port = ""] = process.argv.slice(2);
/** Consul takes 200 connections from one address; more than a few at once gain nothing. */
const agents = {
  engine: new Agent({ keepAlive: true, maxSockets: 8 }),
  consul: new Agent({ keepAlive: true, maxSockets: 8 }),
};

createServer((_, response) => response.end("ok")).listen(Number(port), "127.0.0.1");

function ask(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path, agent: agents.engine, headers: { host: "docker" } }, (answer) =>
      text(answer).then(resolve, reject),
    )
      .on("error", reject)
      .end();
  });
}

interface Inspected {
  readonly NetworkSettings: { readonly Ports: Readonly<Record<string, readonly { readonly HostPort: string }[]>> };
}

async function register(id: string): Promise<void> {
  const { NetworkSettings } = JSON.parse(await ask(`/containers/${id}/json`)) as Inspected;
  const [binding] = Object.values(NetworkSettings.Ports).flat();
  const body = { ID: `bare:${id}`, Name: "bare", Address: address, Port: Number(binding?.HostPort) };
  const options = { method: "PUT", agent: agents.consul };
  request(`${consul}/v1/agent/service/register`, options, (answer) => answer.resume()).end(
    JSON.stringify({ ...body, Meta: { muster_task: id } }),
  );
}

const listed = JSON.parse(await ask("/containers/json")) as readonly { readonly Id: string }[];
await Promise.all(listed.map(({ Id }) => register(Id)));
