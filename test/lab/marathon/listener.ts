/** A client of the event stream that takes things as they come, for tests of the simulator itself. */
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import type { MarathonEvent } from "./world.ts";

export interface Listener extends Disposable {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  /** All that came, byte for byte. */
  text(): string;
  /** The pieces in which it came. */
  chunks(): readonly string[];
  /** Whole events. */
  events(): readonly MarathonEvent[];
  hasEnded(): boolean;
  /** Stops reading, as a client that is busy with other things. */
  pause(): void;
  resume(): void;
}

/** @param url with path and query */
export async function listen(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Listener> {
  const [asked, response] = await new Promise<[ClientRequest, IncomingMessage]>((resolve, reject) => {
    const asking = request(url, { headers: { accept: "text/event-stream", ...headers } }, (answer) =>
      resolve([asking, answer]),
    );
    asking.on("error", reject);
    asking.end();
  });
  const chunks: string[] = [];
  let ended = false;
  response.on("data", (chunk: Buffer) => chunks.push(chunk.toString("latin1")));
  response.on("close", () => {
    ended = true;
  });
  response.on("error", () => {});
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text: () => chunks.join(""),
    chunks: () => chunks,
    events: () =>
      [...chunks.join("").matchAll(/^data: (.*)\r\n\r\n/gm)].map(([, json = ""]) => JSON.parse(json) as MarathonEvent),
    hasEnded: () => ended,
    pause: () => void response.pause(),
    resume: () => void response.resume(),
    [Symbol.dispose]: () => void asked.destroy(),
  };
}
