/** One group's process: `worker.js GROUP`, or `worker.js GROUP quick`. Says its rows, or why there are none, to its parent. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { groups } from "./groups.ts";
import type { Row } from "./row.ts";

export type Message = { readonly note: string } | { readonly rows: readonly Row[] } | { readonly error: string };

const [name = "", size] = process.argv.slice(2);
const stop = new AbortController();
process.once("SIGINT", () => stop.abort(new Error("SIGINT received")));
process.once("SIGTERM", () => stop.abort(new Error("SIGTERM received")));
// Ours has ended, however it did.
process.once("disconnect", () => stop.abort(new Error("nobody waits for the figures")));

const folder = await mkdtemp(join(tmpdir(), "muster-bench-"));
try {
  const measure = await groups[name]?.load();
  if (measure === undefined) throw new Error(`no group ${name}`);
  const note = (text: string): void => say({ note: text });
  say({ rows: await measure({ signal: stop.signal, isQuick: size === "quick", folder, note }) });
} catch (error) {
  say({ error: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
  process.removeAllListeners("disconnect");
  if (process.connected) process.disconnect();
}

function say(message: Message): void {
  if (process.connected) process.send?.(message);
}
