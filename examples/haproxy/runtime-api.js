// @ts-check
/** HAProxy's runtime API: lines of text over a Unix or TCP socket, one line of commands per connection. */
import { once } from "node:events";
import { connect } from "node:net";

/** HAProxy gave no whole answer. */
export class NoAnswer extends Error {
  /**
   * @param {string} message
   * @param {{ readonly sent: boolean, readonly late?: boolean }} how `sent`: HAProxy may have done it all the same
   */
  constructor(message, { sent, late = false }) {
    super(message);
    this.sent = sent;
    this.late = late;
  }
}

/**
 * Sends commands, joined by `;`, and gives the whole answer. HAProxy does all of them, also after one has failed.
 * Rejects with `signal.reason` on abort, else with {@link NoAnswer}.
 * @param {string} socket a path, or `host:port`
 * @param {readonly string[]} commands must hold nothing from outside that was not checked: no `;`, space or newline
 * @param {{ readonly timeout: number, readonly signal: AbortSignal }} limits `timeout` in ms without a sign of life
 * @returns {Promise<string>}
 */
export async function ask(socket, commands, { timeout, signal }) {
  signal.throwIfAborted();
  const connection = connect(target(socket));
  const abort = () => connection.destroy(new Error("aborted"));
  signal.addEventListener("abort", abort, { once: true });
  let sent = false;
  let late = false;
  connection.setTimeout(timeout, () => {
    late = true;
    connection.destroy(new Error(`no answer within ${timeout} ms`));
  });
  try {
    await once(connection, "connect");
    sent = true;
    connection.write(`${commands.join("; ")}\n`);
    let answer = "";
    for await (const part of connection.setEncoding("utf8")) answer += part;
    if (!answer.endsWith("\n")) throw new Error("it closed the connection before the end of its answer");
    return answer;
  } catch (error) {
    signal.throwIfAborted();
    throw new NoAnswer(`HAProxy at ${socket}: ${reasonOf(error)}`, { sent, late });
  } finally {
    signal.removeEventListener("abort", abort);
    connection.destroy();
  }
}

/** A name with several addresses gives one error for all, without a message. @param {unknown} error @returns {string} */
function reasonOf(error) {
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}

/** @param {string} socket */
function target(socket) {
  if (socket.startsWith("/")) return { path: socket };
  const colon = socket.lastIndexOf(":");
  return { host: socket.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(socket.slice(colon + 1)) };
}

/**
 * Reads the table that `show servers state` answers: a version, the names of the columns, a line per server, an empty line.
 * Throws for anything else, also for half an answer: what isn't understood must never look like an empty list.
 * @param {string} answer
 * @returns {readonly Readonly<Record<string, string>>[]} a record per server, by the names of the columns
 */
export function readServers(answer) {
  const [version, header, ...lines] = answer.split("\n");
  const columns = header?.split(" ").slice(1) ?? [];
  if (version !== "1" || !columns.includes("srv_admin_state") || !answer.endsWith("\n\n")) {
    throw new Error(`the answer to "show servers state" is not understood: ${JSON.stringify(answer.slice(0, 80))}`);
  }
  return lines.slice(0, -2).map((line) => {
    const cells = line.split(" ");
    if (cells.length !== columns.length) throw new Error(`a server's state is not understood: ${JSON.stringify(line)}`);
    return Object.fromEntries(columns.map((column, index) => [column, cells[index] ?? ""]));
  });
}
