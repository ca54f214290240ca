/**
 * Keeps a holder that does not answer from holding up the others: its listing is what it last held, its writes fail at
 * once, and it is asked in the background, ever more rarely, until it answers again.
 */
import { setMaxListeners } from "node:events";
import type { AdapterContext, Registration } from "../../../src/model.ts";
import { messageOf, RequestError } from "../../failure.ts";
import { type Holder, inTurns } from "./holder.ts";

export interface IsolatedHolder extends Holder {
  /** Never rejects but with `signal.reason`. */
  list(signal: AbortSignal): Promise<readonly Registration[]>;
  /** `new`: not asked yet; `unsure`: a write got no answer, the next `list` asks; `away`: a `list` got none. */
  readonly state: "new" | "answering" | "unsure" | "away";
  /** How many entries it holds, as far as we know. */
  readonly size: number;
  /** Whether anyone wanted to write to it since the last time that this was asked. */
  wasWritten(): boolean;
  /** Forgets entries of a holder that is away, since nobody sees them any more. */
  forget(isGone: (key: string) => boolean): void;
}

/** Between questions in the background: doubled each time. ms */
const FIRST_WAIT = 250;
const LONGEST_WAIT = 30_000;
/** Of repeated failures every so manieth is a warning. */
const EVERY = 10;

/** @param onNews called when what it holds became known otherwise than by a `list` that somebody asked for */
export function isolate(
  holder: Holder,
  { name, log, random }: Pick<AdapterContext, "name" | "log" | "random">,
  onNews: () => void,
): IsolatedHolder {
  const stopped = new AbortController();
  setMaxListeners(0, stopped.signal);
  let known = new Map<string, Registration>();
  let state: IsolatedHolder["state"] = "new";
  let first: Promise<unknown> | null = null;
  let failures = 0;
  let last = "";
  let timer: NodeJS.Timeout | undefined;
  let written = false;

  function answered(entries: readonly Registration[]): void {
    clearTimeout(timer);
    known = new Map(entries.map((entry) => [entry.key, entry]));
    if (failures > 0) log.info({ registry: name, url: holder.where, failures }, "part of the registry answers again");
    failures = 0;
    state = "answering";
  }

  function unanswered(error: unknown): void {
    failures += 1;
    state = "away";
    last = told(holder.where, error);
    const fields = { registry: name, url: holder.where, failures, entries: known.size, error: last };
    const message = "part of the registry does not answer, its entries stay as last seen";
    if (failures === 1 || failures % EVERY === 0) log.warn(fields, message);
    else log.debug(fields, message);
    askLater();
  }

  function askLater(): void {
    clearTimeout(timer);
    if (stopped.signal.aborted) return;
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.min(Math.max(0, failures - 1), 30));
    timer = setTimeout(() => void ask(), wait * (1 - 0.2 * random()));
  }

  async function ask(): Promise<void> {
    try {
      answered(await holder.list(stopped.signal));
      onNews();
    } catch (error) {
      if (!stopped.signal.aborted) unanswered(error);
    }
  }

  async function list(signal: AbortSignal): Promise<readonly Registration[]> {
    signal.throwIfAborted();
    if (state === "away") return [...known.values()];
    try {
      answered(await holder.list(signal));
    } catch (error) {
      signal.throwIfAborted();
      unanswered(error);
    }
    return [...known.values()];
  }

  /** Nothing is written before it is known what is there: a stranger's service may sit on an id of ours. */
  async function listFirst(signal: AbortSignal): Promise<void> {
    if (state !== "new") return;
    first ??= list(signal).finally(() => {
      first = null;
      if (known.size > 0) onNews();
    });
    await first;
  }

  async function write(change: () => Promise<void>, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    written = true;
    await listFirst(signal);
    if (state !== "answering") {
      const message = `${last} (left alone until it answers again)`;
      throw new RequestError(message, { retry: true, ambiguous: false, isolated: true });
    }
    try {
      await change();
    } catch (error) {
      if (isSilence(error) && !signal.aborted) {
        state = "unsure";
        last = told(holder.where, error);
        askLater();
      }
      throw error;
    }
  }

  const inner: Holder = {
    where: holder.where,
    list,
    async register(before, after, signal) {
      await write(() => holder.register(before, after, signal), signal);
      known.set(after.key, after);
    },
    async deregister(entry, signal) {
      await write(() => holder.deregister(entry, signal), signal);
      known.delete(entry.key);
    },
    async [Symbol.asyncDispose]() {
      stopped.abort(new Error("stopped"));
      clearTimeout(timer);
      await holder[Symbol.asyncDispose]();
    },
  };

  return {
    ...inTurns(inner),
    get state() {
      return state;
    },
    get size() {
      return known.size;
    },
    wasWritten() {
      const was = written;
      written = false;
      return was;
    },
    forget(isGone) {
      if (state !== "away") return;
      for (const key of known.keys()) if (isGone(key)) known.delete(key);
    },
  };
}

/** It may be down, as opposed to having answered what we did not like. */
function isSilence(error: unknown): boolean {
  return error instanceof RequestError && error.retry && error.status === null;
}

function told(where: string, error: unknown): string {
  const text = messageOf(error);
  return text.includes(new URL(where).origin) ? text : `${where}: ${text}`;
}
