// @ts-check
/**
 * A registry for Muster: the servers of HAProxy's backends, added and removed through its runtime API while it runs.
 * A service's instances become servers of the backend with the service's name, which haproxy.cfg declares.
 * @import { AdapterContext, Change, Outcome, Registry } from "muster"
 */
import { setTimeout as delay } from "node:timers/promises";
import { ask, NoAnswer, readServers } from "./runtime-api.js";
import { bracketed, registrationFor, registrationIn } from "./servers.js";

export { options } from "./options.js";

/** Between two looks whether HAProxy was restarted, ms. */
const LOOK_EVERY = 250;

/** What HAProxy says to these commands if all is well, a line each. */
const WRITTEN = /^(New server registered|Already exists|IP changed|no need to change|\d+ \(initial)/;
/** A server can't be deleted before its last request is over. It gets no new ones; the next listing shows it as left. */
const DELETED = /^(Server deleted|No such (server|backend)|Server still has connections)/;

const REMEDIES = {
  "No such backend.": "declare the backend in haproxy.cfg, or name only services that have one in `services`",
  "Permission denied": "give the socket `level admin` in haproxy.cfg",
};

/**
 * @param {import("./options.js").Options} options the configuration's section without `module`, as {@link options} gave it back
 * @param {AdapterContext} context
 * @returns {Registry}
 */
// biome-ignore lint/style/noDefaultExport: it is what Muster loads
export default function create({ socket, services, server, timeout }, context) {
  const { name } = context;

  return {
    name,
    drains: true,
    project(instance) {
      const isWanted = services === null || services.includes(instance.service);
      return isWanted && instance.protocol === "tcp" ? [registrationFor(instance, context)] : [];
    },
    async list(signal) {
      try {
        const rows = readServers(await send(["show servers state"], signal));
        return rows.flatMap((row) => registrationIn(row, context) ?? []);
      } catch (error) {
        signal.throwIfAborted();
        throw new Error(`${name}: ${messageOf(error)}`, { cause: error });
      }
    },
    apply,
    async *returns(signal) {
      let last = null;
      while (!signal.aborted) {
        const now = await send(["show info"], signal).then(processIn, () => null);
        // A new process knows nothing of the servers that were added to the old one.
        if (now !== null && last !== null && now !== last) yield;
        last = now ?? last;
        await delay(LOOK_EVERY, undefined, { signal }).catch(() => {});
      }
    },
    // Each connection is closed when it has been answered.
    async [Symbol.asyncDispose]() {},
  };

  /** @param {readonly string[]} commands @param {AbortSignal} signal */
  function send(commands, signal) {
    return ask(socket, commands, { timeout, signal });
  }

  /**
   * One after the other, so in order; HAProxy stops all its threads for each of them anyway.
   * @param {readonly Change[]} changes @param {AbortSignal} signal
   */
  async function apply(changes, signal) {
    /** @type {Outcome[]} */
    const outcomes = [];
    /** @type {NoAnswer | null} */
    let silence = null;
    for (const change of changes) {
      try {
        // Whoever waited for each of 1,000 answers that don't come would wait for an hour.
        if (silence !== null) throw new NoAnswer(`not tried: ${silence.message}`, { sent: false });
        await carryOut(change, signal);
        outcomes.push({ ok: true });
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof NoAnswer && error.late) silence = error;
        outcomes.push(failure(`${name}: ${change.key}: ${messageOf(error)}`, error));
      }
    }
    return outcomes;
  }

  /**
   * By one line of commands. Throws unless HAProxy says that all of it is done.
   * @param {Change} change @param {AbortSignal} signal
   */
  async function carryOut({ key, op, after }, signal) {
    if (after === null) {
      return check(await send([`set server ${key} state maint`, `del server ${key}`], signal), DELETED);
    }
    const { address, port, weight, state } = /** @type {import("./servers.js").Spec} */ (after.spec);
    const adding = [`add server ${key} ${bracketed(address)}:${port} ${server}`.trimEnd()];
    if (/\bcheck\b/.test(server)) adding.push(`enable health ${key}`);
    const answer = await send(
      [
        // It begins in maintenance, and may be there already: a repeated registration is an update.
        ...(op === "register" ? adding : []),
        `set server ${key} addr ${address} port ${port}`,
        `set server ${key} weight ${weight}`,
        `set server ${key} state ${state}`,
        `get weight ${key}`,
      ],
      signal,
    );
    check(answer, WRITTEN);
    if (!/^\d+ \(initial/m.test(answer)) throw new NoAnswer("HAProxy's answer is cut short", { sent: true });
  }
}

/** Throws what HAProxy says, if it is not what is expected. @param {string} answer @param {RegExp} expected of each line that isn't empty */
function check(answer, expected) {
  const line = answer.split("\n").find((each) => each !== "" && !expected.test(each));
  if (line === undefined) return;
  const remedy = Object.entries(REMEDIES).find(([text]) => line.startsWith(text))?.[1];
  throw new Error(`HAProxy says: ${line}${remedy === undefined ? "" : ` (${remedy})`}`);
}

/** @param {string} error @param {unknown} cause @returns {Outcome} */
function failure(error, cause) {
  if (cause instanceof NoAnswer) return { ok: false, error, retry: true, ambiguous: cause.sent };
  // A server that should be there is not: another listing tells what else is missing.
  const isMissing = error.includes("No such server");
  return { ok: false, error, retry: isMissing || /out of memory/i.test(error), ambiguous: isMissing };
}

/** @param {string} info @returns {string | null} */
function processIn(info) {
  const lines = info.match(/^(Pid|Start_time_sec): \d+$/gm);
  return lines === null ? null : lines.join();
}

/** @param {unknown} error */
function messageOf(error) {
  return (error instanceof Error ? error.message : String(error)).replace(/[\s\p{Cc}]+/gu, " ");
}
