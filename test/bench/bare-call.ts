/**
 * The least that takes a container out of a registry: one event stream, and one call that was given beforehand for each
 * container. Arguments: the engine's socket, the kind of event. Its parent sends `Call`s; without any it only reads events.
 */
import { Agent, request } from "node:http";
import { createInterface } from "node:readline";

/** What is to be sent at the container's next event. */
export interface Call {
  /** Full container id. */
  readonly id: string;
  readonly method: string;
  readonly url: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const [socketPath = "", event = ""] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true });
const calls = new Map<string, Call>();

function handle(line: string): void {
  const { Actor } = JSON.parse(line) as { readonly Actor: { readonly ID: string } };
  const call = calls.get(Actor.ID);
  if (call === undefined) return;
  const { method, url, body = "", headers = {} } = call;
  request(url, { method, agent, headers }, (answer) => answer.resume())
    .on("error", () => process.exit(1))
    .end(body);
}

const filters = encodeURIComponent(JSON.stringify({ type: ["container"], event: [event] }));
request({ socketPath, agent: false, path: `/events?filters=${filters}`, headers: { host: "docker" } }, (answer) => {
  createInterface({ input: answer }).on("line", handle);
  process.send?.("ready");
})
  .on("error", () => process.exit(1))
  .end();
process.on("message", (call: Call) => {
  calls.set(call.id, call);
  process.send?.("known");
});
process.on("disconnect", () => process.exit());
