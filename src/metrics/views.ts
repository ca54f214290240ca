/** A registry in two scopes (this node's and the cluster's) is one for metrics. */
import type { Reconciler } from "../reconcile.ts";
import type { RegistryView } from "../registry-view.ts";

export interface MergedView
  extends Pick<RegistryView, "name" | "state" | "registered" | "pending" | "failed" | "guard"> {
  /** ms since the epoch; the older one. */
  readonly lastCleanPass: number | null;
  /** Since it last answered. */
  readonly failures: number;
  /** ms until it is tried again. */
  readonly backoff: number;
}

export function mergedViews(reconcilers: readonly Pick<Reconciler, "view" | "backoff">[]): readonly MergedView[] {
  const merged = new Map<string, MergedView>();
  for (const reconciler of reconcilers) {
    const { lastCleanPass, ...view } = reconciler.view();
    const { failures, ms } = reconciler.backoff();
    const at = lastCleanPass === null ? null : Date.parse(lastCleanPass);
    const one = { ...view, lastCleanPass: at, failures, backoff: ms };
    const other = merged.get(view.name);
    merged.set(view.name, other === undefined ? one : both(other, one));
  }
  return [...merged.values()];
}

const WORST: readonly MergedView["state"][] = ["failing", "starting", "synced"];

function both(a: MergedView, b: MergedView): MergedView {
  const isNever = a.lastCleanPass === null || b.lastCleanPass === null;
  return {
    name: a.name,
    state: WORST.find((state) => a.state === state || b.state === state) ?? a.state,
    registered: a.registered + b.registered,
    pending: a.pending + b.pending,
    failed: a.failed + b.failed,
    guard: a.guard ?? b.guard,
    lastCleanPass: isNever ? null : Math.min(a.lastCleanPass, b.lastCleanPass),
    failures: Math.max(a.failures, b.failures),
    backoff: Math.max(a.backoff, b.backoff),
  };
}
