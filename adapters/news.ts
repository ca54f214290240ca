export interface News {
  tell(): void;
  /** Yields when told, and whenever the other does, which must end on abort. Ends on abort. One consumer at a time. */
  with(other: AsyncIterable<unknown>, signal: AbortSignal): AsyncIterable<unknown>;
}

/** News as an async iterator: what came while nobody waited is told once. */
export function createNews(): News {
  let isNew = false;
  let wake: () => void = () => {};

  function tell(): void {
    isNew = true;
    wake();
  }

  async function pump(other: AsyncIterable<unknown>): Promise<void> {
    for await (const _ of other) tell();
  }

  async function* both(other: AsyncIterable<unknown>, signal: AbortSignal): AsyncGenerator<void> {
    const pumped = pump(other);
    // Told at the end; until then it is nobody's.
    pumped.catch(() => {});
    const onAbort = (): void => wake();
    signal.addEventListener("abort", onAbort, { once: true });
    while (!signal.aborted) {
      if (isNew) {
        isNew = false;
        yield;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
    await pumped;
  }

  return { tell, with: both };
}
