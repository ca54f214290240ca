/**
 * The laws that every registry adapter must keep, in-tree or not: `muster/conformance`. An adapter's test file calls
 * {@link testRegistry} with a harness that opens the adapter on a world of its own: a real server behind a
 * `FaultProxy`, or a stateful fake. Judged is the state of the world, not which calls were made.
 */
import type { Json, NodeIdentity, Registration, Registry } from "../../src/model.ts";
import type { Fault } from "./proxy.ts";
import { contentLaws } from "./registry/content.ts";
import { convergenceLaws } from "./registry/convergence.ts";
import { failureLaws } from "./registry/failure.ts";
import { lifeLaws } from "./registry/life.ts";
import { ownershipLaws } from "./registry/ownership.ts";
import { serviceLaws } from "./registry/service.ts";

/** Each law, by its number. */
export const LAWS = {
  1: "fresh: an empty registry lists empty",
  2: "round trip: what is listed equals what was projected, in every field",
  3: "fixed point: from any fleet to any fleet to none, a pass leaves nothing to do",
  4: "an idle pass writes nothing",
  5: "repeats are harmless",
  6: "update is in place: a consumer sees the entry all the time",
  7: "strangers are safe",
  8: "two owners reach their fixed points and never touch each other's entries",
  9: "partial failure: one outcome per change, in order; the others are done; the next pass heals",
  10: "crash anywhere: a fresh registry reaches the fixed point",
  11: "error classes: what passes by itself is retried, what doesn't is not, and no secret gets out",
  12: "abort: rejects with the signal's reason, within 100 ms, and leaves nothing hanging",
  13: "many: as many entries as a large node has are listed and applied",
  14: "odd names come back as they are, or are refused by project",
  15: "garbage in: an answer that isn't understood is an error, never an empty or half a list",
  16: "dispose: twice is fine, and nothing is left open",
  17: "service-level objects are shared by a service's instances on all nodes, and stay while one needs them",
  18: "a service-level object whose name a stranger holds is refused, and the stranger's stays as it is",
  19: "what drains keeps its entry and is sent nothing",
  20: "overlap: where `concurrent` says so, a write that hangs holds up no other one",
} as const;
export type Law = keyof typeof LAWS;

const LAWS_ABOUT = { services: [17, 18], draining: [19] } as const satisfies Record<string, readonly Law[]>;

/** Who a registry acts for: `AdapterContext.cluster` and `.node`. */
export interface Owner {
  readonly cluster: string;
  readonly node: NodeIdentity;
}

/** The way into the world behind the adapter's back. */
export interface Backdoor {
  /**
   * Puts an entry as somebody else would: without our mark, its name and id as much like `like`'s as the world allows; a
   * service-level object under the very name that ours would have.
   */
  putStranger(like: Registration): Promise<void>;
  /** Everything that is there, whoever's it is, by raw id; only what stays the same while nobody changes it. */
  world(): Promise<Readonly<Record<string, Json>>>;
  /** Whether consumers are sent to this entry at this moment. */
  serves(entry: Registration): Promise<boolean>;
  /** Mutating requests (or the like) so far, over all registries that were opened; heart-beats don't count. */
  mutations(): number;
  /** See `FaultProxy.failMutation`. A function is called when the request comes. */
  failMutation(n: number, fault: Fault | (() => Fault | undefined)): void;
  failReads(fault: Fault | null): void;
  /** Refuses connections until `heal`. */
  down(): Promise<void>;
  /** Takes back what the previous three did. */
  heal(): Promise<void>;
  /** Requests that hang now and whose client still waits for them. */
  hanging(): number;
  /** Connections that registries hold open, as the server sees them. */
  sockets(): number;
}

export interface RegistryHarness {
  /** A registry for this owner; all share one world. Give it a short time limit for requests: a law waits for it. */
  open(owner: Owner): Promise<{ readonly registry: Registry; readonly backdoor: Backdoor }>;
  /** What the adapter knows and must never tell: tokens, passwords. */
  readonly secrets?: readonly string[];
  /** Runs of each property. @default 20 */
  readonly runs?: number;
  /** Entries of law 13; fewer for a further version or mode of an adapter that has kept it with all. @default 1000 */
  readonly many?: number;
  /** What this kind of registry does not have by its nature; the laws about it are left out. */
  readonly lacks?: readonly (keyof typeof LAWS_ABOUT)[];
  /** Laws that can't apply, each with the reason in a sentence. */
  readonly skip?: Partial<Readonly<Record<Law, string>>>;
}

/** vitest's `it`, node:test's `test`, or whatever runs a named function and can skip one. */
export interface TestFunction {
  (name: string, body: () => Promise<void>): unknown;
  skip(name: string, body: () => Promise<void>): unknown;
}

/** What a law is given. */
export interface LawContext {
  readonly harness: RegistryHarness;
  /** An owner that nobody was before, so that laws don't meet in one world. */
  owner(): Owner;
}

export type LawTable = Partial<Readonly<Record<Law, (context: LawContext) => Promise<void>>>>;

/** Declares one test per law. Laws that need properties run `harness.runs` cases each; give them a minute. */
export function testRegistry(test: TestFunction, harness: RegistryHarness): void {
  const laws: LawTable = {
    ...contentLaws,
    ...convergenceLaws,
    ...ownershipLaws,
    ...failureLaws,
    ...lifeLaws,
    ...serviceLaws,
  };
  const lacking = new Set<Law>((harness.lacks ?? []).flatMap((what) => LAWS_ABOUT[what]));
  for (const [number, title] of Object.entries(LAWS)) {
    const law = Number(number) as Law;
    if (lacking.has(law)) continue;
    const reason = harness.skip?.[law];
    const name = `law ${law}, ${title}`;
    const body = laws[law];
    if (body === undefined) throw new Error(`conformance: law ${law} has no test`);
    if (reason !== undefined) test.skip(`${name} (skipped: ${reason})`, async () => {});
    else test(name, () => body({ harness, owner: () => newOwner(law) }));
  }
}

let owners = 0;

function newOwner(law: Law): Owner {
  owners += 1;
  const cluster = `law${law}.${process.pid}-${owners}`;
  // With colons, as engine ids have them.
  return { cluster, node: { id: `AB:CD:${owners}`, address: "10.0.0.1" } };
}
