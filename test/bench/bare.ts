/**
 * The least that registers a container: one event stream, one inspect, one PUT; nothing is checked, kept or repeated.
 * What Muster is measured against. Arguments: the engine's socket, Consul's URL, the label ("key=value") of the
 * containers, the address to register.
 */
import { Agent, request } from "node:http";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";

const [socketPath = "", consul = "", label = "", address = ""] = process.argv.slice(2);
const toEngine = new Agent({ keepAlive: true });
// An agent takes 200 connections of one client (`limits.http_max_conns_per_client`) and resets the others.
const toConsul = new Agent({ keepAlive: true, maxSockets: 100 });

function ask(call: { readonly path: string }): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, agent: toEngine, headers: { host: "docker" }, ...call }, (answer) => {
      text(answer).then(resolve, reject);
    });
    outgoing.on("error", reject).end();
  });
}

function put(path: string, body?: object): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${consul}${path}`, { method: "PUT", agent: toConsul }, (answer) => {
      text(answer).then(resolve, reject);
    });
    outgoing.on("error", reject).end(body === undefined ? undefined : JSON.stringify(body));
  });
}

interface Event {
  readonly Action: string;
  readonly Actor: { readonly ID: string };
}
interface Inspected {
  readonly Config: { readonly Labels: Readonly<Record<string, string>> };
  readonly NetworkSettings: {
    readonly Ports: Readonly<Record<string, readonly { readonly HostPort: string }[] | null>>;
  };
}

async function handle({ Action, Actor: { ID: id } }: Event): Promise<void> {
  if (Action === "kill") {
    await put(`/v1/agent/service/deregister/bare:${id}`);
    return;
  }
  const { Config, NetworkSettings } = JSON.parse(await ask({ path: `/containers/${id}/json` })) as Inspected;
  const [binding] = Object.values(NetworkSettings.Ports).flatMap((bindings) => bindings ?? []);
  const port = Number(binding?.HostPort ?? Config.Labels["muster.port"]);
  const body = { ID: `bare:${id}`, Name: "bare", Address: address, Port: port, Meta: { muster_task: id } };
  await put("/v1/agent/service/register", body);
}

const filters = encodeURIComponent(JSON.stringify({ type: ["container"], event: ["start", "kill"], label: [label] }));
const stream = request(
  { socketPath, agent: false, path: `/events?filters=${filters}`, headers: { host: "docker" } },
  (answer) => {
    createInterface({ input: answer }).on("line", (line) => void handle(JSON.parse(line) as Event));
  },
);
// The head of the answer comes with the first event; until then it has only been asked for.
stream.on("error", () => process.exit(1)).end(() => void process.send?.("ready"));
process.on("disconnect", () => process.exit());
