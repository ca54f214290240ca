/** Reads an answer's body that somebody else than `createHttpClient` has fetched, within bounds of size and time. */
import type { Readable } from "node:stream";

export interface Bounds {
  readonly maxBytes: number;
  /** ms until the last byte; absent: whoever made the request bounds it. */
  readonly timeout?: number;
}

/** Rejects with an Error whose `code` or `name` `transportError` understands; the connection is closed then. */
export async function readBounded(body: Readable, { maxBytes, timeout }: Bounds): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  const late = () => body.destroy(Object.assign(new Error(`no answer within ${timeout} ms`), { name: "TimeoutError" }));
  const timer = timeout === undefined ? undefined : setTimeout(late, timeout);
  try {
    for await (const chunk of body) {
      const bytes = Buffer.from(chunk as Uint8Array | string);
      size += bytes.length;
      if (size > maxBytes) throw tooLarge(maxBytes);
      chunks.push(bytes);
    }
    return Buffer.concat(chunks);
  } finally {
    clearTimeout(timer);
  }
}

function tooLarge(maxBytes: number): Error {
  const message = `the answer is larger than ${maxBytes} bytes`;
  return Object.assign(new Error(message), { code: "UND_ERR_RES_EXCEEDED_MAX_SIZE" });
}
