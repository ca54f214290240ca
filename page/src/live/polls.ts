/** What the event stream does not tell: sources, registries and the audit log. Asked seldom, and when something changed. */
import type { AuditRecord } from "../../../src/audit/record.ts";
import type { SourceReport } from "../../../src/http/view.ts";
import type { RegistryView } from "../../../src/registry-view.ts";
import { MAX_DEEDS, WINDOW_MS, withRecords } from "../history.ts";
import { mergeRegistries } from "../troubles.ts";
import { ApiError, get, serverNow } from "./api.ts";
import { pause } from "./pause.ts";
import type { Store } from "./store.ts";

const PERIOD_MS = 5_000;
/** Between two rounds, whatever happens; and as a multiple of what the last one took, so that a busy server is left alone. */
const LEAST_MS = 500;
const REST = 5;
/** Records are written a little out of the order of their times. */
const OVERLAP_MS = 2_000;

export interface Polls {
  /** One round, now. */
  now(): Promise<void>;
  /** Rounds until the signal aborts: after `wake`, else each few seconds. Rejects when the API can't be asked. */
  run(relist: () => void): Promise<void>;
  wake(): void;
  /** One more thing to do in the next round, once however often it is asked for. */
  ask(work: () => Promise<void>): void;
}

export function createPolls(store: Store, signal: AbortSignal): Polls {
  let isWoken = false;
  let rouse: (() => void) | null = null;
  let work: (() => Promise<void>) | null = null;

  function wake(): void {
    isWoken = true;
    rouse?.();
  }

  async function round(): Promise<void> {
    const due = work;
    work = null;
    await Promise.all([systems(store, signal), history(store, signal), due?.()]);
  }

  async function rest(ms: number): Promise<void> {
    await pause(ms, signal);
    if (isWoken && !document.hidden) return;
    const calm = new AbortController();
    rouse = () => calm.abort();
    await pause(PERIOD_MS, AbortSignal.any([signal, calm.signal]));
    rouse = null;
    if (document.hidden) await shown(signal);
  }

  return {
    now: round,
    wake,
    ask(next) {
      work = next;
      wake();
    },
    async run(relist) {
      let took = 0;
      while (!signal.aborted) {
        await rest(Math.max(LEAST_MS, took * REST));
        isWoken = false;
        const began = performance.now();
        const before = listings(store);
        await round();
        // A listing tells Muster what is registered, without an event for each entry.
        if (listings(store) !== before) relist();
        took = performance.now() - began;
      }
    },
  };
}

function listings(store: Store): string {
  const { registries, sources } = store.known;
  return JSON.stringify([
    registries.map((one) => [one.name, one.state, one.lastListing]),
    sources.map(({ name }) => name),
  ]);
}

async function systems(store: Store, signal: AbortSignal): Promise<void> {
  const [{ sources }, { registries }] = await Promise.all([
    get<{ readonly sources: readonly SourceReport[] }>("/v1/sources", signal),
    get<{ readonly registries: readonly RegistryView[] }>("/v1/registries", signal),
  ]);
  store.set({ sources, registries: mergeRegistries(registries), now: serverNow() });
}

async function history(store: Store, signal: AbortSignal): Promise<void> {
  const now = serverNow();
  const { deeds } = store.known.history;
  const asked = Math.max(now - WINDOW_MS, (deeds.at(-1)?.at ?? 0) - OVERLAP_MS);
  const query = `since=${encodeURIComponent(new Date(asked).toISOString())}&limit=${MAX_DEEDS}`;
  try {
    const { records } = await get<{ readonly records: readonly AuditRecord[] }>(`/v1/audit?${query}`, signal);
    store.set({ history: withRecords(store.known.history, records, asked, now) });
  } catch (error) {
    // It is opened a little later than the API.
    if (!(error instanceof ApiError && error.status === 503)) throw error;
  }
}

/** Resolves when the page is looked at. */
function shown(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", done);
      resolve();
    };
    document.addEventListener("visibilitychange", done);
    signal.addEventListener("abort", done, { once: true });
    done();
  });
}
