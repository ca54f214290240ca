/**
 * One writer a log. A lock file with a process id in it can't be told from a stale one over containers, where every
 * Muster is process 1 (and two may share a volume while an upgrade starts the new one first). A Unix socket can: whoever
 * died, by SIGKILL too, refuses connections.
 *
 * Each Muster that wants the log listens on a socket of its own, `PATH.lock.RANDOM`, and only then looks for others. So
 * of any two, one at least sees the other. A holder wins over whoever comes later; of two that are still asking, the one
 * with the lower name. Names are never used twice, so that a dead socket can be removed without a race.
 */
import { randomBytes } from "node:crypto";
import { readdir, rm, stat } from "node:fs/promises";
import { createServer, connect as openConnection, type Server } from "node:net";
import { basename, dirname, join, relative } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../model.ts";
import { isErrno } from "./files.ts";

/** `sun_path` holds 108 bytes on Linux, 104 on macOS, with a closing NUL; longer ones would be cut silently. */
const SOCKET_PATH_BYTES = 103;
const ANSWER_MS = 1000;
const ASK_AGAIN_MS = 10;
const ASKS = 200;
/** Answers in a row that end before they begin. */
const CUTS = 20;

/** What a socket answers: its state and its process id, e.g. `holds 17`. */
interface Rival {
  readonly holds: boolean;
  readonly pid: string;
}

const UNKNOWN: Rival = { holds: true, pid: "unknown" };

/**
 * Takes the lock, or throws an Error that says who has it. Where the file system has no sockets, or the path is too long
 * for one, it warns and goes on without.
 */
export async function lockLog(path: string, log: Logger): Promise<AsyncDisposable> {
  const own = shortest(`${path}.lock.${randomBytes(4).toString("hex")}`);
  if (Buffer.byteLength(own) > SOCKET_PATH_BYTES) return unlocked(path, "its path is too long for a socket", log);
  let holds = false;
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.end(`${holds ? "holds" : "wants"} ${process.pid}\n`, () => socket.destroy());
  });
  try {
    await listen(server, own);
  } catch (error) {
    return unlocked(path, error, log);
  }
  const lock = {
    async [Symbol.asyncDispose]() {
      if (server.listening) await close(server);
    },
  };
  try {
    await outlastRivals(path, own);
    // a rival may have taken us for dead in the instant between our bind and our listen
    await stat(own);
    holds = true;
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
  return lock;
}

/** Whether a Muster has the log open for writing. */
export async function isLocked(path: string): Promise<boolean> {
  for (const name of await socketsOf(path)) if ((await ask(name))?.holds === true) return true;
  return false;
}

/** Returns once nobody else has a better claim than `own`; throws if somebody has. */
async function outlastRivals(path: string, own: string): Promise<void> {
  for (let asked = 0; asked < ASKS; asked += 1) {
    const rivals = await liveRivals(path, own);
    const better = rivals.find(({ name, rival }) => rival.holds || basename(name) < basename(own));
    if (better !== undefined) throw lockedError(path, better.rival);
    if (rivals.length === 0) return;
    await delay(ASK_AGAIN_MS);
  }
  throw new Error(`audit log ${path}: several Musters want to write it and none gives way; start one of them only`);
}

async function liveRivals(
  path: string,
  own: string,
): Promise<readonly { readonly name: string; readonly rival: Rival }[]> {
  const live: { name: string; rival: Rival }[] = [];
  for (const name of await socketsOf(path)) {
    if (basename(name) === basename(own)) continue;
    const rival = await ask(name);
    if (rival === null) await rm(name, { force: true });
    else live.push({ name, rival });
  }
  return live;
}

async function socketsOf(path: string): Promise<readonly string[]> {
  const prefix = `${basename(path)}.lock.`;
  const names = await readdir(dirname(path));
  return names.filter((name) => name.startsWith(prefix)).map((name) => shortest(join(dirname(path), name)));
}

/** null: nobody listens there any more. Whoever can't be asked is taken for a holder. */
async function ask(name: string): Promise<Rival | null> {
  for (let cut = 0; cut < CUTS; cut += 1) {
    const answer = await askOnce(name);
    if (answer !== "cut off") return answer;
    await delay(ASK_AGAIN_MS);
  }
  return UNKNOWN;
}

/** `cut off`: it gives up, or dies, at this very moment; whoever took that for a holder would give up as well. */
function askOnce(name: string): Promise<Rival | null | "cut off"> {
  return new Promise((resolve) => {
    const socket = openConnection({ path: name });
    let answer = "";
    socket.setTimeout(ANSWER_MS, () => {
      resolve(UNKNOWN);
      socket.destroy();
    });
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => {
      answer += text;
    });
    socket.on("error", (error) => {
      if (["ECONNREFUSED", "ENOENT", "ENOTSOCK"].some((code) => isErrno(error, code))) resolve(null);
    });
    socket.on("close", () => {
      if (answer === "") resolve("cut off");
      const [state = "", pid = UNKNOWN.pid] = answer.trim().split(" ");
      resolve({ holds: state !== "wants", pid });
    });
  });
}

function lockedError(path: string, { pid }: Rival): Error {
  return new Error(
    `audit log ${path}: another Muster is writing it (pid ${pid}); stop that one, or name another file with audit.path`,
  );
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ path }, () => {
      server.off("error", reject);
      server.unref();
      resolve();
    });
  });
}

/** Removes the socket's file as well. */
function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

function unlocked(path: string, reason: unknown, log: Logger): AsyncDisposable {
  log.warn({ path, reason: reason instanceof Error ? reason.message : reason }, "audit log can't be locked");
  return { async [Symbol.asyncDispose]() {} };
}

function shortest(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere !== "" && fromHere.length < path.length ? fromHere : path;
}
