import { readFile } from "node:fs/promises";

/** For how long a token that was read is believed, ms: long enough that requests need no disk, short enough for rotation. */
const FRESH_MS = 1_000;

/**
 * Gives the token in a file, read again when it may have changed.
 * @throws Error of the file system if it can't be read: then nobody is let in
 */
export function createTokenFile(path: string, now: () => number = Date.now): () => Promise<string> {
  let held = { token: "", at: Number.NEGATIVE_INFINITY };
  return async () => {
    if (now() - held.at >= FRESH_MS) held = { token: (await readFile(path, "utf8")).replace(/\r?\n$/, ""), at: now() };
    return held.token;
  };
}
