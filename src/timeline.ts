/**
 * What happened to each task, for people: which facts came when, and what was written where. Bounded: the last entries
 * of each task, and of tasks that are over only the last few hundred.
 */
import type { Fact } from "./model.ts";

export interface TimelineEntry {
  /** ms since the epoch. */
  readonly at: number;
  /** A fact's kind, or `write`. */
  readonly kind: string;
  /** Name of the source that saw the fact, or of the registry that was written. */
  readonly by: string;
  /** In words, e.g. `running (start)`. */
  readonly text: string;
}

export interface Timeline {
  /** Notes a fact about a task, unless it only repeats what the last one of its kind said. */
  fact(task: string, fact: Fact): void;
  write(task: string, entry: Omit<TimelineEntry, "kind">): void;
  of(task: string): readonly TimelineEntry[];
  /** The facts since the last write to this registry: what led to the next one. */
  cause(task: string, registry: string): readonly TimelineEntry[];
  /** The task is over; its entries stay for a while. */
  close(task: string): void;
}

const MAX_ENTRIES = 40;
const MAX_CAUSES = 8;
const MAX_CLOSED = 500;

export function createTimeline(): Timeline {
  const tasks = new Map<string, TimelineEntry[]>();
  // Insertion order is the order of closing, so the first is the oldest.
  const closed = new Set<string>();

  return {
    fact(task, fact) {
      const entry = { at: fact.at, kind: fact.kind, by: fact.source, text: `${describe(fact)} (${fact.via})` };
      const last = tasks.get(task)?.findLast((other) => other.kind === entry.kind && other.by === entry.by);
      if (last !== undefined && sameSaying(last.text, entry.text)) return;
      push(task, entry);
    },
    write(task, entry) {
      push(task, { kind: "write", ...entry });
    },
    of: (task) => tasks.get(task) ?? [],
    cause(task, registry) {
      const entries = tasks.get(task) ?? [];
      const lastWrite = entries.findLastIndex((entry) => entry.kind === "write" && entry.by === registry);
      return entries.filter((entry, index) => index > lastWrite && entry.kind !== "write").slice(-MAX_CAUSES);
    },
    close(task) {
      closed.delete(task);
      closed.add(task);
      for (const oldest of closed) {
        if (closed.size <= MAX_CLOSED) return;
        closed.delete(oldest);
        tasks.delete(oldest);
      }
    },
  };

  function push(task: string, entry: TimelineEntry): void {
    closed.delete(task);
    const entries = tasks.get(task);
    if (entries === undefined) tasks.set(task, [entry]);
    else if (entries.push(entry) > MAX_ENTRIES) entries.splice(1, entries.length - MAX_ENTRIES); // the first tells how it began
  }
}

function sameSaying(a: string, b: string): boolean {
  return withoutVia(a) === withoutVia(b);
}

function withoutVia(text: string): string {
  return text.slice(0, text.lastIndexOf(" ("));
}

function describe(fact: Fact): string {
  switch (fact.kind) {
    case "defined":
      return `defined as ${fact.name}${fact.image === null ? "" : ` from ${fact.image}`}`;
    case "assigned":
      return `assigned to node ${fact.node}`;
    case "addressed":
      return `addressed: ${addresses(fact)}`;
    case "status":
      return fact.reason === null ? fact.status : `${fact.status}: ${fact.reason}`;
    case "health":
      return fact.health === "none" ? "no health check" : fact.health;
    case "gone":
      return fact.reason === null ? "gone" : `gone: ${fact.reason}`;
    case "notice":
      return fact.message;
    case "node":
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
