/**
 * Answers → what is held. An answer is what Marathon knew at some time after the question (M7): what was heard later
 * stands, an end that was seen stands for good, and a task that an answer lacks is kept until another one, some time
 * later, lacks it as well.
 */
import type { Asks, Subject } from "./asks.ts";
import type { Held } from "./held.ts";
import type { MarathonLimits } from "./limits.ts";
import type { Look } from "./moment.ts";
import { mergePlacement } from "./placement.ts";
import type { AppReport, Definition, Listing, TaskReport } from "./shapes.ts";
import { type Changes, HEALTH, type Missed, mayReturn, mergeHealth, mergePhase, NONE, type Task } from "./task.ts";

export interface Learning {
  /** All apps, and all pods (null: this Marathon has none). */
  listed(apps: Listing, pods: Listing | null, look: Look): void;
  /** One app or pod; null: there is none of this id. */
  answered(subject: Subject, report: AppReport | null, look: Look): void;
  /** All apps without their tasks. */
  described(apps: Listing): void;
  /** A definition at a version. */
  defined(definitions: readonly Definition[]): void;
}

export interface LearningOptions {
  readonly held: Held;
  readonly asks: Asks;
  readonly limits: Pick<MarathonLimits, "secondLook" | "guardedLook" | "killGrace" | "readinessPoll">;
  now(): number;
}

export function createLearning({ held, asks, limits, now }: LearningOptions): Learning {
  return { listed, answered, described, defined };

  function listed(apps: Listing, pods: Listing | null, look: Look): void {
    const reports = [...apps.apps, ...(pods?.apps ?? [])];
    const present = new Set<string>();
    for (const report of reports) for (const { id } of learn(report, look, "list")) present.add(id);
    if (apps.isPartial || pods?.isPartial === true) return;
    const silent = new Set([
      ...apps.unreadable,
      ...reports.filter(({ tasks }) => tasks === null).map(({ app }) => app),
    ]);
    const judged = [...held.tasks.values()].filter(
      ({ app, container }) => !silent.has(app) && (container === null || pods !== null),
    );
    const missing = judged.filter((task) => !present.has(task.id) && task.heard <= look.heard);
    const isSuspect = missing.length > judged.length / 2 || reports.length === 0;
    const listedApps = new Set([...reports.map(({ app }) => app), ...apps.unreadable, ...(pods?.unreadable ?? [])]);
    const missingApps = [...held.definitions.apps()].filter(
      (app) => !listedApps.has(app) && (pods !== null || held.definitions.app(app)?.isPod !== true),
    );
    const confirmAfter = isSuspect ? limits.guardedLook : limits.secondLook;
    miss({ tasks: missing, apps: missingApps }, look, confirmAfter);
  }

  function answered({ app, isPod }: Subject, report: AppReport | null, look: Look): void {
    const present = new Set(report === null ? [] : learn(report, look, "read").map(({ id }) => id));
    if (report !== null && report.tasks === null) return;
    // A pod is no app: the answer about one says nothing of the other.
    const judged = held.ofApp(app).filter(({ container }) => (container !== null) === isPod);
    const missing = judged.filter((task) => !present.has(task.id) && task.heard <= look.heard);
    const isMissing = report === null && held.definitions.app(app)?.isPod === isPod;
    miss({ tasks: missing, apps: isMissing ? [app] : [] }, look, limits.secondLook);
  }

  function described(apps: Listing): void {
    for (const report of apps.apps) {
      held.current(report, "definition");
      held.describe(report.app, "definition");
    }
  }

  function defined(definitions: readonly Definition[]): void {
    held.definitions.version(definitions);
    const [first] = definitions;
    if (first !== undefined) held.describe(first.app, "definition");
  }

  /** @returns the tasks that it tells of */
  function learn(report: AppReport, look: Look, via: string): readonly TaskReport[] {
    held.current(report, via);
    seen(report.app, look);
    for (const task of report.tasks ?? []) learnTask(task, look, via);
    held.describe(report.app, via);
    return report.tasks ?? [];
  }

  function learnTask(report: TaskReport, look: Look, via: string): void {
    const stone = held.tombstones.get(report.id);
    if (stone === "ended") return;
    if (report.standing === "ended") {
      learnEnd(report, look, via);
      return;
    }
    if (stone === "absent") held.tombstones.revive(report.id);
    const task = held.open(report.id, report.app, report.staged ?? look.ts);
    if (task === null) return;
    task.missed = null;
    const mayMove = mayReturn(task, held.definitionOf(task));
    const { changes } = mergePlacement(task, report, { at: look, corrects: true, mayMove });
    held.say(task, changes | learnPhase(task, report, look) | learnHealth(task, report, look), via);
    ask(task);
  }

  /** A task that is over, but not yet forgotten there. */
  function learnEnd(report: TaskReport, look: Look, via: string): void {
    const task = held.tasks.get(report.id);
    if (task === undefined) return;
    if (!mayReturn(task, held.definitionOf(task))) {
      held.end(report.id, "over, by Marathon's own list", via);
      return;
    }
    task.missed = null;
    const news = { phase: "stopped" as const, at: look, reason: null, now: now(), killGrace: limits.killGrace };
    held.say(task, mergePhase(task, news), via);
  }

  function learnPhase(task: Task, { standing, isGuess }: TaskReport, look: Look): Changes {
    // A state that nobody knows yet says that the task is there, and no more.
    if (standing === null || standing === "ended") return NONE;
    if (isGuess && task.phase === "unreachable") return NONE;
    const news = { phase: standing, at: look, reason: null, now: now(), killGrace: limits.killGrace };
    return mergePhase(task, news);
  }

  function learnHealth(task: Task, { alive, dead, ready }: TaskReport, look: Look): Changes {
    const isReadinessNews = ready !== null && ready !== task.ready;
    if (isReadinessNews) task.ready = ready;
    // Fewer results than were known, and none bad: they went with the old leader, and say nothing (fact 9).
    const isNews = dead > 0 || alive > task.alive || (task.dead > 0 && alive > 0);
    return (isReadinessNews ? HEALTH : NONE) | (isNews ? mergeHealth(task, { alive, dead }, look) : NONE);
  }

  function ask(task: Task): void {
    const subject = { app: task.app, isPod: task.container !== null };
    if (task.version === null) return;
    const definition = held.definitionOf(task);
    if (definition === null) asks.definition(subject, task.version);
    else if (task.phase === "running" && definition.readiness && task.ready !== true)
      asks.tasks(subject, { delay: limits.readinessPoll, isStillNeeded: () => task.ready !== true });
  }

  /** That a listing on its way still has it says nothing of a deletion that was heard after the question. */
  function seen(id: string, { heard }: Look): void {
    const app = held.definitions.app(id);
    if (app === null) return;
    app.missed = null;
    if (app.deleted !== null && app.deleted <= heard) app.deleted = null;
  }

  /** @param confirmAfter how much later another answer must lack them too, ms */
  function miss(missing: Missing, look: Look, confirmAfter: number): void {
    let isAnyGone = false;
    for (const task of missing.tasks) {
      task.missed = missedSince(task.missed, look, confirmAfter);
      const left = leftOf(task.missed, look);
      if (left > 0) askAgain(task, left + look.at - now());
      else {
        held.drop(task);
        isAnyGone = true;
      }
    }
    for (const app of missing.apps) if (missApp(app, look, confirmAfter)) isAnyGone = true;
    if (isAnyGone) asks.repeat();
  }

  /** @returns whether it is believed to be gone: at once if its deletion was heard before the question */
  function missApp(id: string, look: Look, confirmAfter: number): boolean {
    const app = held.definitions.app(id);
    if (app === null) return false;
    app.missed = missedSince(app.missed, look, confirmAfter);
    const left = app.deleted !== null && app.deleted <= look.heard ? 0 : leftOf(app.missed, look);
    if (left > 0) {
      const isStillNeeded = () => (held.definitions.app(id)?.missed ?? null) !== null;
      asks.tasks({ app: id, isPod: app.isPod }, { delay: Math.max(0, left + look.at - now()), isStillNeeded });
      return false;
    }
    held.forget(id, "absent");
    return true;
  }

  function askAgain(task: Task, delay: number): void {
    asks.tasks(
      { app: task.app, isPod: task.container !== null },
      { delay: Math.max(0, delay), isStillNeeded: () => task.missed !== null && held.tasks.get(task.id) === task },
    );
  }
}

/** What an answer lacks. */
interface Missing {
  readonly tasks: readonly Task[];
  /** Ids of apps and pods. */
  readonly apps: readonly string[];
}

/** The most doubtful of the answers that lack it tells how long they must. */
function missedSince(before: Missed | null, { at }: Look, confirmAfter: number): Missed {
  return { since: before?.since ?? at, confirmAfter: Math.max(confirmAfter, before?.confirmAfter ?? 0) };
}

/** ms from the question until it counts as gone. */
function leftOf({ since, confirmAfter }: Missed, { at }: Look): number {
  return since + confirmAfter - at;
}
