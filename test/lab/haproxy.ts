/** A real HAProxy, from Debian's package where the machine has none. */
import type { ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { tool } from "./packages.ts";
import { freePorts } from "./ports.ts";
import { end, serveInto, whileRunning } from "./run.ts";
import { until } from "./wait.ts";

/** Where a configuration must let HAProxy listen. */
export interface HaproxyPlace {
  /** Path for `stats socket`. */
  readonly socket: string;
  /** `127.0.0.1:20080`, for `bind`. */
  readonly front: string;
}

export interface Haproxy extends AsyncDisposable {
  /** Path of the socket of the runtime API. */
  readonly socket: string;
  /** `http://127.0.0.1:20080` */
  readonly url: string;
  /** Sends a line of commands to the runtime API. @returns the whole answer */
  runtime(line: string): Promise<string>;
  /** A new process takes the sockets over; the old one ends with its last connection (`-sf`). */
  reload(): Promise<void>;
  /** What it wrote. */
  log(): Promise<string>;
}

/**
 * Starts HAProxy: 0.1 s, the first time on a machine some 4 s more (see `packages.ts`).
 * @param configuration the text of `haproxy.cfg`
 */
export async function startHaproxy(configuration: (place: HaproxyPlace) => string): Promise<Haproxy> {
  const program = await tool("haproxy");
  // A path of a socket is short; the lab's own folder may not be.
  const folder = await mkdtemp(join(tmpdir(), "muster-haproxy-"));
  const socket = join(folder, "admin.sock");
  const [port] = await freePorts(1);
  const file = join(folder, "haproxy.cfg");
  await writeFile(file, configuration({ socket, front: `127.0.0.1:${port}` }));
  const children: ChildProcess[] = [];
  const log = (): Promise<string> => readFile(join(folder, "log"), "utf8").catch(() => "");

  async function launch(args: readonly string[]): Promise<void> {
    const child = serveInto(join(folder, "log"), program, ["-f", file, "-db", ...args]);
    children.push(child);
    const ready = async () => (await runtime(socket, "show info")).includes(`\nPid: ${child.pid}\n`);
    const signal = whileRunning(child);
    await until(ready, { timeoutMs: 10_000, everyMs: 10, what: "HAProxy to answer", signal }).catch(async (cause) => {
      throw new Error(`lab: HAProxy does not answer: ${(await log()).trim()}`, { cause });
    });
  }

  async function dispose(): Promise<void> {
    for (const child of children) await end(child, "SIGKILL");
    await rm(folder, { recursive: true, force: true });
  }

  try {
    await launch([]);
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    socket,
    url: `http://127.0.0.1:${port}`,
    runtime: (line) => runtime(socket, line),
    reload: () => launch(["-sf", String(children.at(-1)?.pid)]),
    log,
    [Symbol.asyncDispose]: dispose,
  };
}

async function runtime(socket: string, line: string): Promise<string> {
  const connection = connect({ path: socket });
  connection.setTimeout(5000, () => connection.destroy(new Error("no answer within 5 s")));
  connection.write(`${line}\n`);
  return await text(connection);
}
