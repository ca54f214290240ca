/** Notices that a server went away and came back, without asking it anything. */
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** Between attempts to reach a server that is away, ms. */
const RETRY_MS = 300;
/** Before the next connection to a server that has closed an idle one, ms. */
const IDLE_CLOSED_MS = 1_000;

/**
 * Holds one idle TCP connection. Where it ends and no new one can be had at once, the server was stopped: yields when it is
 * back, since it may have forgotten what it held. A server (or proxy) that merely closes idle connections takes the next
 * one at once, and nothing is yielded. Ends without an error when `signal` aborts.
 */
export async function* returns(url: string, signal: AbortSignal): AsyncGenerator<void> {
  const { hostname, port, protocol } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const target = { host, port: Number(port) || (protocol === "https:" ? 443 : 80) };
  let isAway = false;
  while (!signal.aborted) {
    const socket = await opened(target, signal);
    if (socket === null) {
      isAway = true;
      await pause(RETRY_MS, signal);
      continue;
    }
    const closed = ended(socket, signal);
    if (isAway) yield;
    isAway = false;
    await closed;
    // At once, to tell a stopped server from one that closes idle connections; then without haste.
    const again = await opened(target, signal);
    isAway = again === null;
    again?.destroy();
    if (!isAway) await pause(IDLE_CLOSED_MS, signal);
  }
}

/** @returns null if it can't be reached */
function opened(target: { readonly host: string; readonly port: number }, signal: AbortSignal): Promise<Socket | null> {
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
