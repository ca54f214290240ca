/** Why something is registered, or not: an instance, a task or all tasks of a service, as `muster explain` tells it. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Explanation } from "../../../src/http/explain.ts";
import { ApiError, get } from "../live/api.ts";
import { messageOf, pause } from "../live/pause.ts";
import type { Store } from "../live/store.ts";
import { closeRoute } from "./hooks.ts";
import { TaskDetail } from "./task-detail.tsx";

interface DetailProps {
  readonly of: string;
  readonly store: Store;
}

interface Answer {
  readonly of: string;
  readonly explanation: Explanation | null;
  readonly error: string | null;
}

export function Detail({ of, store }: DetailProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const answer = useExplanation(of, store);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    heading.current?.focus();
    // Also when "back" has closed it: the focus returns to where it was.
    return () => element?.close();
  }, []);
  const { explanation, error } = answer?.of === of ? answer : { explanation: null, error: null };
  const title = explanation?.tasks[0]?.services.join(", ") || of;
  return (
    <dialog
      class="detail"
      ref={dialog}
      aria-labelledby="detail-title"
      onClose={closeRoute}
      onClick={(event) => {
        // Beside it is its backdrop.
        if (event.target === dialog.current) dialog.current?.close();
      }}
      onKeyDown={(event) => event.stopPropagation()}
    >
      <div class="detail-inside">
        <header>
          <h2 id="detail-title" class="wrap" ref={heading} tabIndex={-1}>
            {title}
          </h2>
          <button type="button" class="icon-button" onClick={() => dialog.current?.close()} aria-label="Close">
            <svg viewBox="0 0 16 16" aria-hidden="true" focusable="false">
              <path d="m3 4 1-1 4 4 4-4 1 1-4 4 4 4-1 1-4-4-4 4-1-1 4-4z" />
            </svg>
          </button>
        </header>
        {error !== null && <p class="error wrap">{error}</p>}
        {explanation === null && error === null && <p class="muted">Asking …</p>}
        {explanation?.tasks.map((task) => (
          <TaskDetail key={task.task} task={task} isOnly={explanation.tasks.length === 1} />
        ))}
        {explanation !== null && explanation.more > 0 && (
          <p class="muted">and {explanation.more} more tasks; search for one of them</p>
        )}
      </div>
    </dialog>
  );
}

/** At most so often, ms; it is asked again whenever the page has heard something new. */
const PERIOD_MS = 1_000;

function useExplanation(of: string, store: Store): Answer | null {
  const [answer, setAnswer] = useState<Answer | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    void keepAsking(of, store, setAnswer, stop.signal);
    return () => stop.abort();
  }, [of, store]);
  return answer;
}

async function keepAsking(
  of: string,
  store: Store,
  give: (answer: Answer) => void,
  signal: AbortSignal,
): Promise<void> {
  const news = createNews(store, signal);
  while (!signal.aborted) {
    const isNew = news();
    const answer = await ask(of, signal);
    if (signal.aborted) return;
    give(answer);
    await pause(PERIOD_MS, signal);
    await isNew;
  }
}

async function ask(of: string, signal: AbortSignal): Promise<Answer> {
  try {
    const explanation = await get<Explanation>(`/v1/explain?of=${encodeURIComponent(of)}`, signal);
    return { of, explanation, error: null };
  } catch (error) {
    const text = messageOf(error);
    return {
      of,
      explanation: null,
      error: error instanceof ApiError && error.status === 404 ? `Nothing here: ${text}` : text,
    };
  }
}

/** @returns a function that resolves when the store changes after its call, or on abort */
function createNews(store: Store, signal: AbortSignal): () => Promise<void> {
  const waiting = new Set<() => void>();
  const tell = () => {
    for (const resolve of waiting) resolve();
    waiting.clear();
  };
  const unsubscribe = store.subscribe(tell);
  signal.addEventListener("abort", () => {
    unsubscribe();
    tell();
  });
  return () => new Promise((resolve) => void waiting.add(resolve));
}
