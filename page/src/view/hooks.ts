import { useEffect, useState } from "preact/hooks";
import type { Known, Store } from "../live/store.ts";

/** What the store knows, again at each change. */
export function useKnown(store: Store): Known {
  const [known, setKnown] = useState(store.known);
  useEffect(() => store.subscribe(() => setKnown(store.known)), [store]);
  return known;
}

const EXPLAIN = "#/explain/";

/** What is to be explained, as the address says: so that it can be linked to, and "back" closes it. */
export function useRoute(): string | null {
  const [of, setOf] = useState(routeOf);
  useEffect(() => {
    const onChange = () => setOf(routeOf());
    addEventListener("hashchange", onChange);
    return () => removeEventListener("hashchange", onChange);
  }, []);
  return of;
}

function routeOf(): string | null {
  const { hash } = location;
  if (!hash.startsWith(EXPLAIN)) return null;
  try {
    return decodeURIComponent(hash.slice(EXPLAIN.length)) || null;
  } catch {
    return null;
  }
}

/** @param of id of an instance or task, or name of a service */
export function explainHref(of: string): string {
  return EXPLAIN + encodeURIComponent(of);
}

export function closeRoute(): void {
  if (routeOf() === null) return;
  // Without a "#" that is left over.
  history.pushState(null, "", location.pathname + location.search);
  dispatchEvent(new HashChangeEvent("hashchange"));
}
