/**
 * A trace for each change of an instance: from the facts that led to it until nothing more comes of it. It is open for as
 * long as it is complete, and a little while after the last write, so that its length is that of the whole change.
 */
import { type Context, ROOT_CONTEXT, type Span, SpanStatusCode, type Tracer, trace } from "@opentelemetry/api";
import type { Clock } from "../clock.ts";
import type { Instance } from "../model.ts";
import type { TimelineEntry } from "../timeline.ts";
import type { InstanceChange, World } from "../world.ts";
import { clean, instanceAttributes, time } from "./spans.ts";

export interface ChangeTraces {
  /** Follows a world; of its instances those that `isShown`. */
  follow(world: World, isShown: (instance: Instance | null) => boolean): void;
  /** Of the change of an instance that is, or lately was, under way; null: of none. */
  contextOf(instance: string): Context | null;
  /** A write that belongs to it has ended. @param error null: it is done */
  wrote(instance: string, registry: string, at: number, error: string | null): void;
  /** Ends all that is open. */
  close(): void;
}

/** What becomes of an instance, and what its span is called. */
type Kind = "add instance" | "update instance" | "remove instance";

interface Held {
  readonly kind: Kind;
  readonly span: Span;
  readonly context: Context;
  /** ms since the epoch. */
  readonly began: number;
  /** When it last was heard of; the end. */
  lastAt: number;
  isOpen: boolean;
  /** What it still waits for. */
  missing: readonly string[];
  /** The facts that are noted. */
  readonly facts: Set<string>;
  /** Registries whose last write failed, with why. */
  readonly failures: Map<string, string>;
}

const SWEEP_MS = 1_000;
/** It is over when nothing has come for so long, ms. */
const SETTLE_MS = 5_000;
/** What is not complete by then is told as it is, ms. */
const MAX_OPEN_MS = 300_000;
/** For how long a late write still finds its trace, ms. */
const REMEMBER_MS = 600_000;
/** A fact that is older has not led to it (a stored trace that is replayed), ms. */
const MAX_AGE_MS = 3_600_000;

export function createChangeTraces(tracer: Tracer, clock: Pick<Clock, "now" | "after">): ChangeTraces {
  const held = new Map<string, Held>();
  let cancel: (() => void) | null = null;

  return {
    follow(world, isShown) {
      // What was there before Muster is no change: its writes belong to the first pass.
      const listed = new Set<string>();
      const isNews = ({ before, after }: InstanceChange) =>
        isShown(after ?? before) && (before !== null || listed.has(after?.source ?? ""));
      world.subscribe({
        synced: (source) => void listed.add(source),
        changed(changes) {
          const news = changes.filter(isNews);
          handOn(news);
          for (const change of news) note(world, change);
          if (held.size > 0) cancel ??= clock.after(SWEEP_MS, sweep);
        },
      });
    },
    contextOf: (instance) => held.get(instance)?.context ?? null,
    wrote(instance, registry, at, error) {
      const change = held.get(instance);
      if (change === undefined) return;
      change.lastAt = Math.max(change.lastAt, at);
      if (error === null) change.failures.delete(registry);
      else change.failures.set(registry, error);
    },
    close() {
      cancel?.();
      cancel = null;
      for (const change of held.values()) end(change);
      held.clear();
    },
  };

  /** An instance whose ports were not known yet goes on as one of those that it turned out to be. */
  function handOn(changes: readonly InstanceChange[]): void {
    const added = new Map(
      changes.flatMap(({ id, before, after }) => (before === null && after ? [[after.task, id]] : [])),
    );
    for (const { id, before, after } of changes) {
      const trace = held.get(id);
      const heir = after === null && before?.state === "pending" ? added.get(before.task) : undefined;
      if (trace?.isOpen !== true || heir === undefined) continue;
      held.delete(id);
      held.set(heir, trace);
      added.delete(before?.task ?? "");
    }
  }

  function note(world: World, change: InstanceChange): void {
    const { id, before, after } = change;
    const known = held.get(id) ?? null;
    if (after === null && before?.state === "pending") {
      if (known?.isOpen) end(known, "gone");
      held.delete(id);
      return;
    }
    const kind = kindOf(before, after);
    const own = known?.isOpen && (known.kind === kind || kind === "update instance") ? known : null;
    const trace = own ?? begin(world, change, kind, known);
    noteState(trace, world, change);
  }

  function begin(world: World, { id, before, after }: InstanceChange, kind: Kind, earlier: Held | null): Held {
    const instance = (after ?? before) as Instance;
    if (earlier !== null) end(earlier);
    const now = clock.now();
    const first = causesOf(world, instance.task, before === null)[0]?.at ?? now;
    const began = first > now - MAX_AGE_MS ? Math.min(first, now) : now;
    const links = earlier === null ? [] : [{ context: earlier.span.spanContext() }];
    const span = tracer.startSpan(kind, { startTime: time(began), links }, ROOT_CONTEXT);
    const context = trace.setSpan(ROOT_CONTEXT, span);
    const change: Held = {
      ...{ kind, span, context, began, lastAt: now, isOpen: true, missing: [] },
      ...{ facts: new Set<string>(), failures: new Map<string, string>() },
    };
    held.set(id, change);
    return change;
  }

  function noteState(change: Held, world: World, { before, after }: InstanceChange): void {
    const now = clock.now();
    const { span, context } = change;
    const instance = (after ?? before) as Instance;
    const state = after?.state ?? "gone";
    span.setAttributes({ ...instanceAttributes(instance), "muster.state": state });
    for (const fact of causesOf(world, instance.task, before === null)) noteFact(change, fact);
    if (before?.state !== after?.state) span.addEvent(state, { "muster.missing": [...instance.missing] }, time(now));
    change.lastAt = now;
    change.missing = after?.state === "pending" && change.kind === "add instance" ? after.missing : [];
    if (state !== "ready" || before?.state === "ready" || change.kind !== "add instance") return;
    tracer.startSpan("complete instance", { startTime: time(change.began) }, context).end(time(now));
  }

  /** Ends what has come to rest, and forgets what is long over. */
  function sweep(): void {
    const now = clock.now();
    for (const [id, change] of held) {
      const isQuiet = change.missing.length === 0 && now - change.lastAt >= SETTLE_MS;
      if (isQuiet || now - change.began >= MAX_OPEN_MS) end(change);
      if (now - change.lastAt >= REMEMBER_MS && !change.isOpen) held.delete(id);
    }
    cancel = held.size > 0 ? clock.after(SWEEP_MS, sweep) : null;
  }
}

function noteFact({ span, facts }: Held, { at, kind, by, text }: TimelineEntry): void {
  const key = `${at} ${kind} ${text}`;
  if (facts.has(key)) return;
  facts.add(key);
  span.addEvent(kind, { "muster.source": by, "muster.fact": clean(text) }, time(at));
}

function end(change: Held, outcome?: "gone"): void {
  if (!change.isOpen) return;
  change.isOpen = false;
  const { span, missing, failures, lastAt } = change;
  const [failure] = failures.values();
  if (failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: failure });
  if (missing.length > 0) span.setAttribute("muster.missing", [...missing]);
  const rest = missing.length > 0 ? "incomplete" : "done";
  span.setAttribute("muster.outcome", outcome ?? (failure === undefined ? rest : "failed"));
  span.end(time(lastAt));
}

function kindOf(before: Instance | null, after: Instance | null): Kind {
  if (after === null || after.state === "draining") return "remove instance";
  if (after.state === "pending")
    return before === null || before.state === "pending" ? "add instance" : "remove instance";
  return before?.state === "ready" ? "update instance" : "add instance";
}

/**
 * The facts that led to what is so now: all that are known of a task that is new, else those since its last change of
 * state or write.
 */
function causesOf(world: World, task: string, isNew: boolean): readonly TimelineEntry[] {
  const entries = world.timeline.of(task);
  // The change itself is noted already.
  const upTo = entries.findLastIndex(({ kind }) => kind !== "state") + 1;
  const known = entries.slice(0, upTo);
  const from = isNew ? 0 : known.findLastIndex(({ kind }) => kind === "state" || kind === "write") + 1;
  return known.slice(from).filter(({ kind }) => kind !== "state" && kind !== "write");
}
