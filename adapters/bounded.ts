/** Reads an answer's body within bounds of size and time. */
import type { Readable } from "node:stream";
import { TOO_LARGE, timeoutError } from "./failure.ts";

export interface Bounds {
  readonly maxBytes: number;
  /** ms until the last byte; absent: whoever made the request bounds it. */
  readonly timeout?: number;
  /** ms of that which have gone by already. @default 0 */
  readonly elapsed?: number;
}

/** Rejects with an Error whose `code` or `name` `transportError` understands; the connection is closed then. */
export async function readBounded(body: Readable, { maxBytes, timeout, elapsed = 0 }: Bounds): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  const late = () => body.destroy(timeoutError(timeout ?? 0));
  const timer = timeout === undefined ? undefined : setTimeout(late, timeout - elapsed);
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
  return Object.assign(new Error(message), { code: TOO_LARGE });
}
