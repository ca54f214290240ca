/** What a person is told of a registry, and of an instance in it. */
import type { Desired } from "./desired.ts";
import type { Leaving, LeavingEntry } from "./leaving.ts";
import type { Json, Registration, Registry } from "./model.ts";
import type { Planner } from "./planner.ts";
import type { Reporter } from "./report.ts";
import type { Retries } from "./retries.ts";
import type { World } from "./world.ts";

/** What an instance is to one registry; the shape of contract 5.4. */
export interface RegistrationView {
  readonly state: "registered" | "pending" | "failed" | "not-applicable";
  readonly key: string | null;
  /** ISO 8601; since when it is in this state, where known. */
  readonly since: string | null;
  readonly error: string | null;
  /** See `Registry.detail`; absent where there is nothing to tell. */
  readonly detail?: Json;
  /** What is left of an instance that is not ready any more; absent where there is nothing to tell. */
  readonly leaving?: readonly LeavingEntry[];
}

export interface RegistryView {
  readonly name: string;
  /** `starting`: no clean pass yet; `synced`: the last pass left nothing to do; `failing`: writes or reads fail. */
  readonly state: "starting" | "synced" | "failing";
  readonly registered: number;
  readonly pending: number;
  readonly failed: number;
  /** ISO 8601. */
  readonly lastCleanPass: string | null;
  readonly lastListing: string | null;
  readonly error: string | null;
  /** What the mass-delete guard holds back, in words; null if nothing. */
  readonly guard: string | null;
}

/** How far the loop is; times in ms since the epoch, null: never. */
export interface Progress {
  readonly mirror: ReadonlyMap<string, Registration> | null;
  readonly lastCleanPass: number | null;
  readonly lastListing: number | null;
  /** Why the registry does not answer; null: it does. */
  readonly error: string | null;
}

export interface ViewOptions {
  readonly registry: Registry;
  readonly world: World;
  readonly desired: Desired;
  readonly planner: Planner;
  readonly retries: Retries;
  readonly reporter: Reporter;
  readonly leaving: Leaving;
  progress(): Progress;
}

export interface Views {
  view(): RegistryView;
  instanceView(id: string): RegistrationView;
}

export function createViews(options: ViewOptions): Views {
  const { registry, world, desired, planner, retries, reporter, leaving, progress } = options;

  return { view, instanceView };

  function view(): RegistryView {
    const wanted = [...planner.wanted().keys()];
    const registered = wanted.filter((key) => reporter.since(key) !== null).length;
    const { lastCleanPass, lastListing, error } = progress();
    return {
      name: registry.name,
      state: error !== null || retries.unanswered > 0 ? "failing" : lastCleanPass === null ? "starting" : "synced",
      registered,
      pending: wanted.length - registered,
      failed: retries.size + desired.rejected + planner.refused.size,
      lastCleanPass: iso(lastCleanPass),
      lastListing: iso(lastListing),
      error,
      guard: planner.guarded,
    };
  }

  function instanceView(id: string): RegistrationView {
    const view = registrationView(id);
    const detail = view.key === null ? null : (registry.detail?.(view.key) ?? null);
    const instance = world.instance(id);
    const left = instance === null ? [] : leaving.of(instance, progress().mirror);
    return { ...view, ...(detail !== null && { detail }), ...(left.length > 0 && { leaving: left }) };
  }

  function registrationView(id: string): RegistrationView {
    const rejection = desired.rejection(id);
    if (rejection !== null) return { state: "failed", key: null, since: null, error: rejection };
    const keys = desired.keysOf(id);
    const key = keys.find((each) => desired.entries.get(each)?.instance === id) ?? keys[0] ?? null;
    const failure = failureOf(keys) ?? retries.ofInstance(id);
    if (failure) return { state: "failed", key, since: iso(failure.since), error: failure.error };
    if (key === null) return { state: isApplicable(id) ? "pending" : "not-applicable", key, since: null, error: null };
    const since = reporter.since(key);
    return { state: since === null ? "pending" : "registered", key, since: iso(since), error: null };
  }

  /** What keeps an instance from being registered as it should: the first of its objects that failed, in the order of creation. */
  function failureOf(keys: readonly string[]): { readonly error: string; readonly since: number | null } | null {
    for (const key of keys) {
      const failure = retries.of(key);
      if (failure !== null) return failure;
      const error = planner.refused.get(key);
      if (error !== undefined) return { error, since: null };
    }
    return null;
  }

  function isApplicable(id: string): boolean {
    const instance = world.instance(id);
    return instance === null || instance.state !== "ready" || world.source(instance.source).syncs === 0;
  }
}

function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
