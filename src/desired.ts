/**
 * What one registry should hold: the projections of all wanted instances, kept up to date instance by instance.
 *
 * Several instances can project one key: a service-level object belongs to all instances of its service, and of two tasks
 * on one endpoint a gateway may hold only one target. The content of the newest then counts, and nobody flaps.
 */
import { type Claims, createClaims } from "./claims.ts";
import type { Instance, Registration, Registry } from "./model.ts";

export interface Desired {
  /** All that should be registered, by key; but see `claims`. */
  readonly entries: ReadonlyMap<string, Registration>;
  /** Which of the service-level objects can't have what they claim. */
  readonly claims: Claims;
  /**
   * Takes in an instance's new state; null when it is over.
   * @returns the keys that this may have changed
   */
  set(id: string, instance: Instance | null): readonly string[];
  /** Why the instance can't be registered here at all; null if it can. */
  rejection(id: string): string | null;
  /** The keys that the instance is registered under, in the order of creation; empty if it isn't wanted or not applicable here. */
  keysOf(id: string): readonly string[];
  /** Whether there are instances of this service that can be registered here, whatever they ask for. */
  hasService(service: string): boolean;
  /** How many instances can't be registered here. */
  readonly rejected: number;
}

/** One instance's wish for a key. */
interface Wish {
  readonly instance: string;
  readonly created: number | null;
  readonly registration: Registration;
}

export function createDesired(registry: Pick<Registry, "project" | "drains" | "checksHealth">): Desired {
  const entries = new Map<string, Registration>();
  const wishes = new Map<string, Wish[]>();
  const keys = new Map<string, readonly string[]>();
  const services = new Map<string, number>();
  const serviceOf = new Map<string, string>();
  const rejections = new Map<string, string>();
  const claims = createClaims();

  return {
    entries,
    claims,
    set(id, instance) {
      const before = keys.get(id) ?? [];
      const now = registrationsOf(id, instance);
      for (const key of before) unwish(key, id);
      for (const registration of now)
        wish(registration.key, { instance: id, created: instance?.created ?? null, registration });
      const after = now.map(({ key }) => key);
      const changed = [...new Set([...before, ...after])];
      for (const key of changed) settle(key);
      note(id, after, instance);
      return changed;
    },
    rejection: (id) => rejections.get(id) ?? null,
    keysOf: (id) => keys.get(id) ?? [],
    hasService: (service) => services.has(service),
    get rejected() {
      return rejections.size;
    },
  };

  function registrationsOf(id: string, instance: Instance | null): readonly Registration[] {
    if (instance !== null && isWanted(id, instance)) return projected(id, instance);
    rejections.delete(id);
    return [];
  }

  /** What stops is drained where the registry can, but never registered for it. */
  function isWanted(id: string, { state, awaitsRegistry }: Instance): boolean {
    if (awaitsRegistry === true && registry.checksHealth === true) return true;
    return state === "ready" || (state === "draining" && registry.drains === true && keys.has(id));
  }

  function projected(id: string, instance: Instance): readonly Registration[] {
    try {
      const registrations = registry.project(instance);
      rejections.delete(id);
      return [...registrations].sort((a, b) => a.rank - b.rank);
    } catch (error) {
      // One instance that can't be registered harms no other (rule 9).
      rejections.set(id, error instanceof Error ? error.message : String(error));
      return [];
    }
  }

  function wish(key: string, added: Wish): void {
    const held = wishes.get(key);
    if (held === undefined) wishes.set(key, [added]);
    else held.push(added);
  }

  function unwish(key: string, instance: string): void {
    const held = wishes.get(key) ?? [];
    const at = held.findIndex((each) => each.instance === instance);
    if (at >= 0) held.splice(at, 1);
    if (held.length === 0) wishes.delete(key);
  }

  function settle(key: string): void {
    const held = wishes.get(key) ?? [];
    const [first, ...others] = held;
    if (first === undefined) {
      entries.delete(key);
      claims.set(key, null);
      return;
    }
    const { registration } = others.reduce(stronger, first);
    entries.set(key, registration);
    if (registration.claims !== undefined) claims.set(key, { registration, created: oldest(held) });
    else claims.set(key, null);
  }

  function note(id: string, now: readonly string[], instance: Instance | null): void {
    const before = serviceOf.get(id);
    if (before !== undefined) count(before, -1);
    serviceOf.delete(id);
    // What drains is wanted only for what it had before.
    const counts = instance !== null && isWanted(id, instance) && !rejections.has(id);
    keys.delete(id);
    if (now.length > 0) keys.set(id, now);
    if (!counts) return;
    serviceOf.set(id, instance.service);
    count(instance.service, 1);
  }

  function count(service: string, by: number): void {
    const left = (services.get(service) ?? 0) + by;
    if (left === 0) services.delete(service);
    else services.set(service, left);
  }
}

/** What carries traffic beats what drains, then the newest counts; the id settles ties, the same way on every node. */
function stronger(a: Wish, b: Wish): Wish {
  const drainingA = a.registration.draining === true;
  const drainingB = b.registration.draining === true;
  if (drainingA !== drainingB) return drainingA ? b : a;
  const age = (a.created ?? Number.NEGATIVE_INFINITY) - (b.created ?? Number.NEGATIVE_INFINITY);
  if (Number.isNaN(age) || age === 0) return a.instance < b.instance ? a : b;
  return age > 0 ? a : b;
}

function oldest(held: readonly Wish[]): number | null {
  let found: number | null = null;
  for (const { created } of held) if (created !== null && (found === null || created < found)) found = created;
  return found;
}
