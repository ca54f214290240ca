import { engineTools } from "./daemon.ts";
import { findMoto } from "./moto.ts";
import { tool, tools } from "./packages.ts";
import { run } from "./run.ts";

/** Can a server be started here? */
export interface Availability {
  /** Leave its tests out. Never under CI, where a server that cannot be started is a failure. */
  readonly skip: boolean;
  /** Why it cannot be started; empty if it can. */
  readonly reason: string;
}

/** Finds out, and fetches what is missing: `describe.skipIf((await labAvailable("engine")).skip)`. */
export async function labAvailable(
  server: "engine" | "consul" | "haproxy" | "chromium" | "moto",
): Promise<Availability> {
  try {
    if (server === "engine") await tryEngine();
    else await (server === "moto" ? findMoto() : tool(server));
    return { skip: false, reason: "" };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { skip: process.env["CI"] === undefined, reason };
  }
}

async function tryEngine(): Promise<void> {
  if (process.platform !== "linux") throw new Error(`lab: an engine needs Linux, not ${process.platform}`);
  if (process.getuid?.() !== 0) throw new Error("lab: an engine needs root");
  await run("unshare", ["--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "true"]);
  await tools(engineTools);
}
