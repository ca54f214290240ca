/** An answer, read to its end. */
export interface Answer {
  readonly ok: boolean;
  readonly status: number;
  readonly text: string;
}

/** As fetch, which would leave a listener on a signal that lives on, until it is collected: too many for those who ask on and on. */
export async function ask(url: string, signal: AbortSignal, init: Omit<RequestInit, "signal"> = {}): Promise<Answer> {
  signal.throwIfAborted();
  const own = new AbortController();
  const abort = (): void => own.abort(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    const answer = await fetch(url, { ...init, signal: own.signal });
    return { ok: answer.ok, status: answer.status, text: await answer.text() };
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
