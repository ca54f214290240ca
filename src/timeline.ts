/**
 * What happened to each task, for people: which facts came when, and what was written where. Bounded: the last entries
 * of each task, and of tasks that are over only the last few hundred.
 */
import type { Change, Fact, InstanceState } from "./model.ts";

export interface TimelineEntry {
  /** ms since the epoch. */
  readonly at: number;
  /** A fact's kind; `state`: what the facts amount to now; `write`. */
  readonly kind: string;
  /** Name of the source that saw the fact, or of the registry that was written; `muster` for `state`. */
  readonly by: string;
  /** In words, e.g. `running (start)`. */
  readonly text: string;
  /** `state` only. */
  readonly state?: StateDetail;
  /** `write` only. */
  readonly write?: WriteDetail;
}

/** What became of some of a task's instances. */
export interface StateDetail {
  readonly instances: readonly string[];
  readonly services: readonly string[];
  readonly state: InstanceState | "gone";
  readonly missing: readonly string[];
}

/** A note of `StateDetail`, kept flat and unworded: there is one of each task at least. */
export interface StateNote extends StateDetail {
  readonly kind: "state";
  /** ms since the epoch. */
  readonly at: number;
  /** In words, e.g. `complete and ready`. */
  readonly what: string;
}

export interface WriteDetail {
  /** null for a service-level object. */
  readonly instance: string | null;
  readonly key: string;
  readonly op: Change["op"];
  readonly ok: boolean;
  readonly ms: number;
  /** 1 for the first. */
  readonly attempt: number;
  readonly error: string | null;
}

export interface Timeline {
  /** Notes a fact about a task, unless it only repeats what the last one of its kind said. */
  fact(task: string, fact: Fact): void;
  write(task: string, entry: Omit<TimelineEntry, "kind">): void;
  /** Notes what the facts amount to. */
  state(task: string, note: StateNote): void;
  of(task: string): readonly TimelineEntry[];
  /** When the task's first fact came, ms since the epoch; null: nothing is known of it. */
  began(task: string): number | null;
  /** All tasks that it has entries of, also those that are over. */
  tasks(): Iterable<string>;
  /** The facts since the last write to this registry: what led to the next one. */
  cause(task: string, registry: string): readonly TimelineEntry[];
  /** The task is known: its entries stay. Until then, and once it is closed, they only stay for a while. */
  open(task: string): void;
  /** The task is over. */
  close(task: string): void;
  /** Forgets the oldest of those that are not open, if they are too many. */
  trim(): void;
}

const MAX_ENTRIES = 40;
const MAX_CAUSES = 8;
const MAX_CLOSED = 500;

/** Facts are kept as they are (the correlator holds most of them anyway), and put into words when someone asks. */
type Held = Fact | StateNote | WriteEntry;
type WriteEntry = TimelineEntry & { readonly kind: "write" };

export function createTimeline(): Timeline {
  const tasks = new Map<string, readonly Held[]>();
  // Insertion order is the order of closing (or of coming, for what never was a task), so the first is the oldest.
  const closed = new Set<string>();

  return {
    fact(task, fact) {
      const last = tasks
        .get(task)
        ?.findLast((held): held is Fact => isFact(held) && held.kind === fact.kind && held.source === fact.source);
      if (last !== undefined && (last === fact || describe(last) === describe(fact))) return;
      push(task, fact);
    },
    write(task, entry) {
      push(task, { kind: "write", ...entry });
    },
    state: push,
    of: entriesOf,
    began: (task) => tasks.get(task)?.[0]?.at ?? null,
    tasks: () => tasks.keys(),
    cause(task, registry) {
      const entries = entriesOf(task);
      const lastWrite = entries.findLastIndex((entry) => entry.kind === "write" && entry.by === registry);
      return entries
        .filter(({ kind }, index) => index > lastWrite && kind !== "write" && kind !== "state")
        .slice(-MAX_CAUSES);
    },
    open: (task) => void closed.delete(task),
    close(task) {
      closed.delete(task);
      if (tasks.has(task)) closed.add(task);
    },
    trim() {
      for (const oldest of closed) {
        if (closed.size <= MAX_CLOSED) return;
        closed.delete(oldest);
        tasks.delete(oldest);
      }
    },
  };

  function entriesOf(task: string): readonly TimelineEntry[] {
    return (tasks.get(task) ?? []).map(entryOf);
  }

  /** Copies, since an array that grows by `push` keeps room for more than most tasks ever need. */
  function push(task: string, entry: Held): void {
    const entries = tasks.get(task);
    if (entries === undefined) {
      tasks.set(task, [entry]);
      closed.add(task);
    } else if (entries.length < MAX_ENTRIES) tasks.set(task, entries.concat(entry));
    else tasks.set(task, [...entries.slice(0, 1), ...entries.slice(2), entry]); // the first tells how it began
  }
}

function isFact(held: Held): held is Fact {
  return held.kind !== "state" && held.kind !== "write";
}

function entryOf(held: Held): TimelineEntry {
  if (held.kind === "write") return held;
  if (held.kind !== "state")
    return { at: held.at, kind: held.kind, by: held.source, text: `${describe(held)} (${held.via})` };
  const { kind, at, what, ...state } = held;
  return { at, kind, by: "muster", text: `${named(state.services)}: ${what}`, state };
}

const MAX_NAMES = 3;

function named(services: readonly string[]): string {
  const more = services.length - MAX_NAMES;
  return `${services.slice(0, MAX_NAMES).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function describe(fact: Fact): string {
  switch (fact.kind) {
    case "defined":
      return `defined as ${fact.name}${fact.image === null ? "" : ` from ${fact.image}`}${fact.version === null ? "" : `, version ${fact.version}`}`;
    case "assigned":
      return `assigned to node ${fact.node}`;
    case "addressed":
      return `addressed: ${addresses(fact)}`;
    case "status":
      return fact.reason === null ? fact.status : `${fact.status}: ${fact.reason}`;
    case "health":
      return fact.health === "none" ? "no health check" : `health ${fact.health}`;
    case "gone":
      return fact.reason === null ? "gone" : `gone: ${fact.reason}`;
    case "notice":
      return fact.message;
    case "node":
      return `node ${fact.node}${fact.address === null ? "" : ` at ${fact.address}`} is ${fact.state}`;
    case "resync":
    case "synced":
    case "source":
      return fact.kind;
    default:
      return fact satisfies never;
  }
}

function addresses({ mode, bindings, networks }: Extract<Fact, { kind: "addressed" }>): string {
  const ports = bindings.map(
    (port) => `${port.hostAddress}:${port.hostPort}→${port.containerPort ?? ""}/${port.protocol}`,
  );
  const others = networks.map(({ name, address }) => `${name} ${address}`);
  return [...ports, ...others].join(", ") || mode;
}
