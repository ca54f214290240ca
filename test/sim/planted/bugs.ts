/**
 * Bugs to be planted, one at a time, to see that the simulation finds each: what a hurried change could bring in. Each is
 * a text of one file, which must stand there exactly once, and what is put in its place.
 */

interface Edit {
  readonly find: string;
  readonly replace: string;
}

export interface Bug extends Edit {
  readonly name: string;
  /** From the root of the repository. */
  readonly file: string;
  /** In the same file, where one place is not enough. */
  readonly also?: Edit;
}

export const BUGS: readonly Bug[] = [
  {
    name: "mass-delete guard off",
    file: "src/guard.ts",
    find: "const isMass = held.size > max && held.size > (registered * percent) / 100;",
    replace: "const isMass = false;",
  },
  {
    name: "an entry is reported before its audit record is on disk",
    file: "src/report.ts",
    find: "last = Promise.all([last, written]).then(then);",
    replace: "last = Promise.all([last, written]).then(() => {}); then();",
  },
  {
    name: "a definition is never replaced by a newer one",
    file: "src/fact-slots.ts",
    find: "facts[at] = fact;",
    replace: 'facts[at] = fact.kind === "defined" ? { ...held, clock: fact.clock } : fact;',
  },
  {
    name: "strangers' entries are listed as ours (adapter)",
    file: "test/sim/registries.ts",
    find: "if (entry.owner === null) continue;",
    replace: "",
  },
  {
    name: "changed content is removed instead of updated",
    file: "src/plan.ts",
    find: '{ op: "update", key, before, after }',
    replace: '{ op: "deregister", key, before, after: null }',
  },
  {
    name: "absence in any listing removes at once",
    file: "src/removal.ts",
    find: "return isWhole(entry.source, true);",
    replace: "return true;",
  },
  {
    name: "an endpoint is given before it is taken from another",
    file: "src/plan.ts",
    find: "return [...removed.filter(isTaken), ...created, ...removed.filter((change) => !isTaken(change))];",
    replace: "return [...created, ...removed];",
  },
  {
    name: "failed writes are not tried again",
    file: "src/retries.ts",
    find: "retryAt: now + delay,",
    replace: "retryAt: Number.POSITIVE_INFINITY,",
  },
  {
    name: "dead nodes are reaped without the grace period",
    file: "src/reaper.ts",
    find: "!done.has(node) && clock.now() - since >= options.reapAfter;",
    replace: "!done.has(node);",
  },
  {
    name: "the reaper takes entries of all nodes",
    file: "src/reaper.ts",
    find: "if (marked !== undefined) return marked === node;",
    replace: "if (marked !== undefined) return true;",
  },
  {
    name: "a registry's return is not noticed",
    file: "src/reconcile.ts",
    find: '"registry was away, listing it again");\n        resync();',
    replace: '"registry was away, listing it again");',
  },
  {
    name: "waits go by the wall clock",
    file: "src/clock.ts",
    find: "now: () => Math.round(performance.timeOrigin + performance.now()),",
    replace: "now: Date.now,",
  },
  {
    name: "an unanswered write is taken for done",
    file: "src/writer.ts",
    find: "if (outcome.ok) {",
    replace: "if (outcome.ok || outcome.ambiguous) {",
  },
  {
    name: "a leader goes on after it has lost the lock",
    file: "src/leadership.ts",
    find: "const stop = linked(signal, term.signal);",
    replace:
      "const late = new AbortController(); term.signal.addEventListener('abort', () => setTimeout(() => late.abort(term.signal.reason), 10_000)); const stop = linked(signal, late.signal);",
  },
  {
    name: "an unanswered write is taken for not done, nothing is re-read",
    file: "src/reconcile.ts",
    find: "onDoubt: () => (isListingDue = true)",
    replace: "onDoubt: () => {}",
    also: { find: "isListingDue = true;\n    availability.failed(error);", replace: "availability.failed(error);" },
  },
  {
    name: "the end of a task is forgotten, so that an echo revives it",
    file: "src/correlate.ts",
    find: "tombstones.set(task, { source, clock });",
    replace: "",
  },
  {
    name: "a service-level object that was wanted once may go: no guard, no probation",
    file: "src/removal.ts",
    find: "return isWhole(null, true) && (seen.has(key) || isServiceOver(service));",
    replace: "return seen.has(key) || (isWhole(null, true) && isServiceOver(service));",
  },
  {
    name: "one source's listing confirms what another's lacked",
    file: "src/guard.ts",
    find: "syncs(entry.source).every(",
    replace: "syncs(entry.source).some(",
  },
  {
    name: "a failed removal that the guard holds back stays due",
    file: "src/planner.ts",
    find: "for (const key of held) retries.succeeded(key);",
    replace: "",
  },
  {
    name: "doubt counts from the first doubtful listing, whoever gave it",
    file: "src/correlate.ts",
    find: "doubtfulSince: Math.max(sync.doubtfulSince, at)",
    replace: "doubtfulSince: sync.doubtfulSince",
  },
  {
    name: "doubt ends by time alone, also while the source is away",
    file: "src/removal.ts",
    find: "(lastSynced ?? 0) - doubtfulSince",
    replace: "performance.timeOrigin + performance.now() - doubtfulSince",
  },
  {
    name: "registered before the source has listed",
    file: "src/reconcile.ts",
    find: "const isReleased = instance !== null && world.source(instance.source).syncs > 0;",
    replace: "const isReleased = instance !== null;",
  },
  {
    name: "two writes of one key at a time",
    file: "src/writer.ts",
    find: "for (const name of names) busy.add(name);",
    replace: "",
  },
  {
    name: "only the keys of writes under way are held back, not their endpoints",
    file: "src/plan.ts",
    find: "const endpoints = [before?.endpoint, after?.endpoint]",
    replace: "const endpoints = []",
  },
  {
    name: "what was put off for a write under way is forgotten",
    file: "src/planner.ts",
    find: "for (const key of putOff) marked.add(key);",
    replace: "",
  },
  {
    name: "passes overlap where entries hang on each other",
    file: "src/reconcile.ts",
    find: "return registry.concurrent !== true || looksAtAll || retries.size > 0;",
    replace: "return looksAtAll || retries.size > 0;",
  },
  {
    name: "a silent holder of the lock is followed too soon",
    file: "adapters/elections/consul/lock.ts",
    find: "export const SILENT = 0.95;",
    replace: "export const SILENT = 0.3;",
  },
  {
    name: "the lock is handed on before the work has ended",
    file: "src/leadership.ts",
    find: 'const end = await inTime(ending, options);\n    await resigned(term, "over");',
    replace: 'await resigned(term, "over");\n    const end = await inTime(ending, options);',
  },
  {
    name: "a last pass is written after the lock was lost",
    file: "src/agent.ts",
    find: "const mayFinish = () => signal.aborted;",
    replace: "const mayFinish = () => true;",
  },
  {
    name: "who is told to stop goes on getting traffic",
    file: "src/instances.ts",
    find: 'if (status === "stopping") return "draining";',
    replace: 'if (status === "stopping") return "ready";',
  },
  {
    name: "drains are ignored: what stops is removed at once",
    file: "src/desired.ts",
    find: 'return state === "ready" || (state === "draining" && registry.drains === true && keys.has(id));',
    replace: 'return state === "ready";',
  },
  {
    name: "what a listing lacks is kept",
    file: "src/correlate.ts",
    find: "const changed = dropBelow(fact.source, fact.floor);",
    replace: "const changed = new Set<string>();",
  },
  {
    name: "an older fact beats a newer one",
    file: "src/fact-slots.ts",
    find: "if (fact.clock < held.clock) return false;",
    replace: "",
  },
  {
    name: "health is not waited for",
    file: "src/instances.ts",
    find: 'if (health !== "passing" && health !== "none") missing.push("health");',
    replace: "",
  },
  {
    name: "what is half told is taken for withdrawn",
    file: "src/world.ts",
    find: 'if (isOpen(task)) return "unsettled";',
    replace: "",
  },
  {
    name: "a node that was away does not look at its registries again",
    file: "src/scope.ts",
    find: "onReturn(world, { ...options, ...swarm, reapAfter }, resyncAll)",
    replace: "() => {}",
  },
  {
    name: "the reaper goes by what a source said before it went away",
    file: "src/reaper.ts",
    find: 'return syncs > 0 && state === "connected";',
    replace: "return syncs > 0;",
  },
  {
    name: "a failed audit write moves the chain on",
    file: "src/audit/writer.ts",
    find: "await file.append(data);\n    await file.sync();",
    replace:
      "const sealed = batch.at(-1)?.sealed.at(-1)?.record; if (sealed) range = { ...range, seq: sealed.seq, hash: sealed.hash };\n    await file.append(data);\n    await file.sync();",
  },
  {
    name: "the half line of a failed audit write is not cut off",
    file: "src/audit/writer.ts",
    find: "leftovers = true;",
    replace: "",
  },
  {
    name: "audit records are not synced",
    file: "src/audit/writer.ts",
    find: "await file.sync();",
    replace: "",
  },
  {
    name: "a torn last line of the audit log is not cut off",
    file: "src/audit/recover.ts",
    find: "if (end.torn > 0) await cutOff(path, files, end.torn);",
    replace: "",
  },
  {
    name: "audit records that wait are sealed from where the last began",
    file: "src/audit/writer.ts",
    find: "head = sealed.at(-1)?.record ?? head;",
    replace: "",
  },
  {
    name: "what stops is no longer what it was once its service is gone",
    file: "src/last-definitions.ts",
    find: "if (last === undefined || !isOf(record, last)) return record;",
    replace: "if (last === undefined || last !== null) return record;",
  },
  {
    name: "a wrong listing is confirmed by another though a right one came in between",
    file: "src/guard.ts",
    find: "forget: (key) => void refusals.delete(key),",
    replace: "forget: () => {},",
  },
];
