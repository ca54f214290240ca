/**
 * Which service has what only one can have (a gateway's route): whoever holds it in the registry keeps it, else the older
 * one gets it. Decided anew for each pass, so that the winner never depends on the order in which facts came.
 */
import type { Registration } from "./model.ts";

export interface Claimant {
  readonly registration: Registration;
  /** Since when, ms since the epoch; null where unknown, which counts as the youngest. */
  readonly created: number | null;
}

export interface Claims {
  /** What `key` claims now; null: nothing. */
  set(key: string, claimant: Claimant | null): void;
  /**
   * @param current what the registry holds, by key
   * @returns the keys that can't have what they claim, each with an error in one line that names the holder
   */
  refused(current: ReadonlyMap<string, Registration>): ReadonlyMap<string, string>;
}

const NONE: ReadonlyMap<string, string> = new Map();

export function createClaims(): Claims {
  const claimants = new Map<string, Claimant>();
  const byClaim = new Map<string, Set<string>>();
  /** Claims of several keys: few, so a pass looks at nothing else. */
  const contended = new Set<string>();

  return {
    set(key, claimant) {
      for (const claim of claimsOf(key)) leave(claim, key);
      if (claimant === null) claimants.delete(key);
      else claimants.set(key, claimant);
      for (const claim of claimsOf(key)) enter(claim, key);
    },
    refused(current) {
      if (contended.size === 0) return NONE;
      const refused = new Map<string, string>();
      for (const claim of [...contended].sort(byText)) {
        const among = [...(byClaim.get(claim) ?? [])].filter((key) => !refused.has(key));
        const winner = winnerOf(claim, among, current);
        if (winner === null) continue;
        const holder = serviceOf(winner);
        for (const key of among) {
          if (serviceOf(key) !== holder) refused.set(key, conflict(claim, holder));
        }
      }
      return refused;
    },
  };

  function claimsOf(key: string): readonly string[] {
    return claimants.get(key)?.registration.claims ?? [];
  }

  function serviceOf(key: string): string {
    return claimants.get(key)?.registration.service ?? "";
  }

  function enter(claim: string, key: string): void {
    const keys = byClaim.get(claim) ?? new Set<string>();
    byClaim.set(claim, keys.add(key));
    if (keys.size > 1) contended.add(claim);
  }

  function leave(claim: string, key: string): void {
    const keys = byClaim.get(claim);
    keys?.delete(key);
    if ((keys?.size ?? 0) < 2) contended.delete(claim);
    if (keys?.size === 0) byClaim.delete(claim);
  }

  function winnerOf(claim: string, keys: readonly string[], current: ReadonlyMap<string, Registration>): string | null {
    const holding = keys.filter((key) => current.get(key)?.claims?.includes(claim));
    const [first = null] = (holding.length > 0 ? holding : [...keys]).sort(byAge);
    return first;
  }

  function byAge(a: string, b: string): number {
    const [first, second] = [ageOf(a), ageOf(b)];
    if (first !== second) return first < second ? -1 : 1;
    return serviceOf(a) < serviceOf(b) || (serviceOf(a) === serviceOf(b) && a < b) ? -1 : 1;
  }

  function ageOf(key: string): number {
    return claimants.get(key)?.created ?? Number.POSITIVE_INFINITY;
  }
}

function byText(a: string, b: string): number {
  return a < b ? -1 : 1;
}

function conflict(claim: string, holder: string): string {
  return `the route ${claim} is held by service ${holder}; give one of the two another muster.route.host or muster.route.path`;
}
