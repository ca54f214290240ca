/** Passes over a fake Kong, for cases that need one each. */
import { afterEach, expect } from "vitest";
import type { KongOptions } from "../../adapters/registries/kong/options.ts";
import type { Change, Instance, Outcome, Registration, Registry } from "../../src/model.ts";
import { changesFor } from "../conformance/registry/pass.ts";
import type { Owner } from "../conformance/registry.ts";
import { type FakeKong, type FakeKongOptions, startFakeKong } from "../fakes/kong/kong.ts";
import { OWNER, openRegistry } from "./kong-harness.ts";

export const NEVER = new AbortController().signal;
export const ROUTES = [{ hosts: ["shop.example"], paths: ["/cart"], stripPath: false, priority: null }];

export const VERSIONS = [{ version: "3.4.2" }, { version: "2.8.5" }, { version: "2.1.4" }] as const;
/** Another node of the cluster. */
export const TWO: Owner = { ...OWNER, node: { id: "n2", address: "10.0.0.2" } };

interface Scene extends AsyncDisposable {
  readonly kong: FakeKong;
  open(owner?: Owner, options?: Partial<KongOptions>): Registry;
}

async function startScene(options: FakeKongOptions = {}): Promise<Scene> {
  const kong = await startFakeKong(options);
  const opened: Registry[] = [];
  return {
    kong,
    open(owner = OWNER, more = {}) {
      const registry = openRegistry(kong.url, owner, more);
      opened.push(registry);
      return registry;
    },
    async [Symbol.asyncDispose]() {
      for (const registry of opened) await registry[Symbol.asyncDispose]();
      await kong[Symbol.asyncDispose]();
    },
  };
}

/** @returns how a case gets a Kong of its own, which is gone after it */
export function useScenes(): (options?: FakeKongOptions) => Promise<Scene> {
  let scenes: Scene[] = [];
  afterEach(async () => {
    for (const each of scenes) await each[Symbol.asyncDispose]();
    scenes = [];
  });
  return async (options) => {
    const started = await startScene(options);
    scenes.push(started);
    return started;
  };
}

interface Passed {
  readonly changes: readonly Change[];
  readonly outcomes: readonly Outcome[];
}

/** List, plan, apply. */
export async function pass(registry: Registry, wanted: readonly Instance[]): Promise<Passed> {
  const changes = changesFor(registry, wanted, await registry.list(NEVER));
  return { changes, outcomes: changes.length === 0 ? [] : await registry.apply(changes, NEVER) };
}

/** A pass of which everything succeeds, and after which there is nothing to do. */
export async function converge(registry: Registry, wanted: readonly Instance[]): Promise<void> {
  const { changes, outcomes } = await pass(registry, wanted);
  expect(outcomes).toEqual(changes.map(() => ({ ok: true })));
  expect(changesFor(registry, wanted, await registry.list(NEVER))).toEqual([]);
}

/** What failed in it, by key. */
export function failures({ changes, outcomes }: Passed): Readonly<Record<string, Outcome>> {
  const failed = changes.flatMap(({ key }, index): [string, Outcome][] => {
    const outcome = outcomes[index];
    return outcome === undefined || outcome.ok ? [] : [[key, outcome]];
  });
  return Object.fromEntries(failed);
}

export function changeOf(registry: Registry, op: "register" | "update", instance: Instance, kind: string): Change {
  const after = registry.project(instance).find(({ spec }) => (spec as { readonly kind: string }).kind === kind);
  if (after === undefined) throw new Error(`no ${kind}`);
  return op === "register" ? { op, key: after.key, before: null, after } : { op, key: after.key, before: after, after };
}

export function keysOf(entries: readonly Registration[]): readonly string[] {
  return entries.map(({ key }) => key).toSorted(byText);
}

export function byText(a: string, b: string): number {
  return a < b ? -1 : 1;
}
