/** `GET /v1/facts[?node=ID]`: a manager's swarm facts for other Musters, as server-sent events, behind a secret of their own. */
import type { Context } from "hono";
import { streamSSE } from "hono/streaming";
import type { Fact } from "../model.ts";
import { isBearer } from "./guard.ts";
import { problem } from "./problem.ts";

/** What a Muster on a manager has to tell. */
export interface FactFeed {
  /** Gives the secret at the time of the request; its file may change. */
  secret(): Promise<string>;
  /**
   * Facts for ever, a full listing first; of all nodes, or only what `node` needs.
   * @returns null on a node that is no manager
   */
  facts(node: string | null, signal: AbortSignal): AsyncIterable<Fact> | null;
}

/** So that a reader notices a dead connection, ms. */
const HEARTBEAT_MS = 10_000;

/** @param feed null: there is nothing to tell, or no secret to protect it */
export async function facts(context: Context, feed: FactFeed | null): Promise<Response> {
  if (feed === null) return problem(context, 404, "no facts are served: set sources.swarm.secretFile");
  if (!isBearer(context.req.header("authorization"), await feed.secret())) {
    context.header("www-authenticate", "Bearer");
    return problem(context, 401, "send the secret of sources.swarm.secretFile as 'Authorization: Bearer …'");
  }
  const stop = new AbortController();
  const stream = feed.facts(context.req.query("node") ?? null, stop.signal);
  if (stream === null) return problem(context, 503, "this node is not a manager of the swarm; ask another one");
  return streamSSE(context, async (client) => {
    client.onAbort(() => stop.abort(new Error("the client has gone")));
    const beat = setInterval(() => void client.write(":\n\n"), HEARTBEAT_MS);
    try {
      await client.write(": muster\n\n");
      for await (const fact of stream) await client.writeSSE({ data: JSON.stringify(fact) });
    } finally {
      clearInterval(beat);
      stop.abort(new Error("the stream is over"));
    }
  });
}
