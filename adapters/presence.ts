/** Notices that a server went away and came back, without asking it anything. */
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** Between attempts to reach a server that is away, ms. */
const RETRY_MS = 300;
/** Between the first connections, if the server closes them; doubled each time, ms. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Holds one idle TCP connection. Whenever it has ended and there is a new one, the server may have been restarted, and may
 * have forgotten what it held: yields. A server (or proxy) that closes idle connections can't be told from one that is
 * restarted in a moment, so the shorter they live, the longer the pauses. Ends without an error when `signal` aborts.
 */
export async function* returns(url: string, signal: AbortSignal): AsyncGenerator<void> {
  const { hostname, port, protocol } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const target = { host, port: Number(port) || (protocol === "https:" ? 443 : 80) };
  let pauseMs = FIRST_PAUSE_MS;
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    const socket = await connected(target, signal);
    if (socket === null) return;
    const began = Date.now();
    const closed = ended(socket, signal);
    if (!isFirst) yield;
    await closed;
    if (Date.now() - began >= LONGEST_PAUSE_MS) pauseMs = FIRST_PAUSE_MS;
    else if (!isFirst) pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    if (!isFirst) await pause(pauseMs, signal);
  }
}

interface Target {
  readonly host: string;
  readonly port: number;
}

/** Tries until it succeeds. @returns null on abort */
async function connected(target: Target, signal: AbortSignal): Promise<Socket | null> {
  while (!signal.aborted) {
    const socket = await opened(target, signal);
    if (socket !== null) return socket;
    await pause(RETRY_MS, signal);
  }
  return null;
}

/** @returns null if it can't be reached */
function opened(target: Target, signal: AbortSignal): Promise<Socket | null> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(null);
    const socket = connect(target);
    const give = (made: Socket | null) => {
      signal.removeEventListener("abort", onAbort);
      if (made === null) socket.destroy();
      resolve(made);
    };
    const onAbort = () => give(null);
    signal.addEventListener("abort", onAbort, { once: true });
    socket.once("connect", () => give(socket));
    socket.on("error", () => give(null));
  });
}

/** Resolves when the connection is over; on abort it is ended. */
async function ended(socket: Socket, signal: AbortSignal): Promise<void> {
  const onAbort = () => socket.destroy();
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) socket.destroy();
  // Whatever the server says unasked is of no interest, but unread it would hide the end.
  socket.resume();
  socket.setKeepAlive(true, 15_000);
  await new Promise((resolve) => socket.once("close", resolve));
  signal.removeEventListener("abort", onAbort);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}
