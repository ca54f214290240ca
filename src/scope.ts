/**
 * A world and the registries that follow it. A Muster has one for its node, and, while it is the leader, one for what is
 * not of any one node (Marathon): with its own ownership mark, so that the next leader takes over what this one wrote.
 */
import { setMaxListeners } from "node:events";
import type { AuditInput } from "./audit/record.ts";
import type { Clock } from "./clock.ts";
import type { Config } from "./config.ts";
import type { Fact, Logger, Registry, Source } from "./model.ts";
import { onReturn } from "./node-return.ts";
import { createReaper } from "./reaper.ts";
import { createReconciler, type Reconciler } from "./reconcile.ts";
import type { ReportSink } from "./report.ts";
import { createStopGate } from "./stop-gate.ts";
import { createWorld, type InstanceChange, type World } from "./world.ts";

export interface Scope {
  readonly world: World;
  readonly reconcilers: readonly Reconciler[];
  /** Name of the source whose instances are shown by their own nodes; null: all are shown here. */
  readonly hides: string | null;
  /** Asks sources and registries for a full listing. */
  resync(): void;
  /**
   * Feeds the sources' facts in and keeps the registries equal, until `signal` aborts; then one last bounded pass.
   * @param mayFinish whether that last pass may still write: not for a leader that has lost its leadership
   * @throws if a source ends by itself: nothing would be kept right any more
   */
  run(signal: AbortSignal, mayFinish?: () => boolean): Promise<void>;
}

export interface ScopeOptions {
  readonly sources: readonly Source[];
  readonly registries: readonly Registry[];
  readonly policy: Config["policy"];
  readonly sink: ReportSink;
  readonly audit: (records: readonly AuditInput[]) => Promise<unknown>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** See `ReconcilerOptions`. */
  isServiceOver?(service: string): boolean;
  /** null or absent: this Muster is in no swarm. */
  readonly swarm?: SwarmPart | null;
}

/** What a scope does for its swarm. */
export interface SwarmPart {
  /** Name of the source that knows the nodes. */
  readonly source: string;
  /** This node's id; null: this is the leader's scope, which keeps service-level objects and removes what dead nodes left. */
  readonly node: string | null;
}

/** Bound of the last pass of a registry at the end, ms. */
const LAST_PASS_MS = 4_000;
/** For the last signals of the stop gate, ms. */
const CLOSE_MS = 2_000;

export function createScope(options: ScopeOptions): Scope {
  const { sources, registries, policy, log } = options;
  const world = createWorld({
    ...{ sources: sources.map(({ name }) => name), awaitsInherited: options.swarm != null },
    claims: policy.claims,
  });
  const swarm = options.swarm ?? null;
  const isNodeOfSwarm = swarm !== null && swarm.node !== null;
  const hides = swarm !== null && !isNodeOfSwarm ? swarm.source : null;
  const serviceLevel = isNodeOfSwarm ? "create" : "keep";
  const swarmPart = { serviceLevel, nodeSource: hides } as const;
  const reconcilers = registries.map((registry) => createReconciler({ ...options, registry, world, ...swarmPart }));
  const gate = policy.dryRun ? null : createStopGate({ ...options, world, reconcilers });
  const { reapAfter } = policy;
  // What dead nodes left is removed with no reconciler in between that would know of these.
  const mayReap = !policy.dryRun && policy.mode !== "upsert-only";

  return {
    world,
    reconcilers,
    hides,
    resync() {
      for (const source of sources) source.resync?.();
      resyncAll();
    },
    async run(signal, mayFinish = () => true) {
      const unsubscribe = world.subscribe(listener());
      const failed = new AbortController();
      const running = AbortSignal.any([signal, failed.signal]);
      // Every request under way listens to it: many listeners are no leak here.
      setMaxListeners(0, running);
      const loops = [
        ...reconcilers.map((reconciler) => reconciler.run(running)),
        ...sources.map((source) => pump(source, running)),
        ...(swarm !== null && swarm.node === null && mayReap ? [reap(swarm, running)] : []),
      ];
      const leave = isNodeOfSwarm ? onReturn(world, { ...options, ...swarm, reapAfter }, resyncAll) : () => {};
      await Promise.all(loops.map((loop) => loop.catch((error: unknown) => failed.abort(error))));
      leave();
      unsubscribe();
      await Promise.all(reconcilers.map((reconciler) => (mayFinish() ? finish(reconciler) : reconciler.reported())));
      await gate?.close(AbortSignal.timeout(CLOSE_MS));
      await Promise.allSettled(registries.map((registry) => registry[Symbol.asyncDispose]()));
      if (failed.signal.aborted) throw failed.signal.reason;
    },
  };

  function resyncAll(): void {
    for (const reconciler of reconcilers) reconciler.resync();
  }

  async function reap({ source }: SwarmPart, signal: AbortSignal): Promise<void> {
    await createReaper({ ...options, world, source, reapAfter }).run(signal);
  }

  /** Feeds one source's facts to the world. Never waits for anyone: the world takes a fact in at once. */
  async function pump(source: Source, signal: AbortSignal): Promise<void> {
    for await (const fact of source.events(signal)) {
      world.join(fact);
      gate?.heard(source, fact);
    }
    if (!signal.aborted) throw new Error(`source ${source.name} ended by itself`);
  }

  function listener() {
    return {
      notice({ source, task, message }: Extract<Fact, { kind: "notice" }>) {
        log.warn({ source, task, notice: message }, "notice");
      },
      synced(source: string) {
        const record: AuditInput = { action: "sync", ok: true, cause: [{ source }] };
        write([record]);
      },
      changed(changes: readonly InstanceChange[]) {
        // The others' own Musters say it of them.
        write(changes.filter(({ after }) => after?.source !== hides).flatMap(refusals));
      },
      waiting(source: string, task: string) {
        sources.find(({ name }) => name === source)?.resolve?.(task);
      },
    };
  }

  function write(records: readonly AuditInput[]): void {
    if (records.length === 0) return;
    void options.audit(records).catch((error: unknown) => log.error({ err: error }, "audit log not written"));
  }

  /** By default registrations stay, since an upgrade of Muster must not drop traffic (rule 6). */
  async function finish(reconciler: Reconciler): Promise<void> {
    const signal = AbortSignal.timeout(LAST_PASS_MS);
    try {
      if (policy.onExit === "deregister" && !policy.dryRun) await reconciler.withdrawAll(signal);
      else await reconciler.pass(signal);
      await reconciler.reported();
    } catch (error) {
      log.warn({ registry: reconciler.name, err: error }, "last pass not completed");
    }
  }
}

/** What `policy.claims` newly does not allow an instance. */
function refusals({ id, before, after }: InstanceChange): readonly AuditInput[] {
  const known = before?.refused ?? [];
  const { service = null, task = null, refused = [] } = after ?? {};
  return refused
    .filter((error) => !known.includes(error))
    .map((error) => ({ action: "refuse", id, service, task, ok: false, error }));
}
