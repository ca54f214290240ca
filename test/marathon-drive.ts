/**
 * Drives the Marathon source's parts against a simulated Marathon in virtual time: reads what they ask for, as its session
 * does, and counts it.
 */
import { type Item, type Job, MAX_TRIES } from "../adapters/sources/marathon/agenda.ts";
import { atLeast } from "../adapters/sources/marathon/versions.ts";
import type { Cluster } from "./lab/marathon/cluster.ts";
import { marathonAnswers } from "./marathon-answers.ts";
import type { MarathonParts } from "./marathon-parts.ts";

export interface MarathonDrive {
  /** A new connection to the event stream, and the listing that begins it. */
  connect(): Promise<void>;
  /** A full listing. */
  list(): Promise<void>;
  /** Time goes by in ever longer steps; what is due meanwhile is read and learned. @param ms how much */
  pass(ms: number): Promise<void>;
  /** GETs so far. */
  gets(): number;
}

export interface MarathonDriveOptions {
  readonly cluster: Cluster;
  readonly parts: MarathonParts;
  readonly clock: VirtualClock;
  /** What happens while an answer is on its way. */
  onTheWay?(): void;
  /** What happens with each step of time. */
  onStep?(): Promise<void>;
}

/** ms since the epoch. */
export interface VirtualClock {
  now: number;
}

/** The first step of time: longer than it takes for wishes to gather (limits.ts). */
const FIRST_STEP = 80;

export function createMarathonDrive(options: MarathonDriveOptions): MarathonDrive {
  const { cluster, parts, clock, onTheWay = () => {}, onStep = async () => {} } = options;
  const { hearing, learning, agenda, requests } = parts;
  const answers = marathonAnswers(cluster);
  parts.held.setFramework(cluster.frameworkId);

  return { connect, list, pass, gets: () => answers.gets() };

  async function connect(): Promise<void> {
    hearing.attached();
    hearing.setTrustsPosts(atLeast(`${cluster.version}.0`, 0, 11));
    agenda.reset();
    await list();
  }

  async function list(): Promise<void> {
    requests.listing = false;
    const look = hearing.look();
    const [apps, pods] = [answers.apps(), answers.pods()];
    onTheWay();
    learning.listed(apps, pods, look);
    if (!apps.isPartial) hearing.listed(look);
    agenda.listed(look.at, { withTasks: true, withPods: true });
    await parts.say();
  }

  async function pass(ms: number): Promise<void> {
    const end = clock.now + ms;
    for (let step = FIRST_STEP; clock.now < end; step *= 2) {
      clock.now = Math.min(end, clock.now + step);
      cluster.tick();
      await onStep();
      for (const job of agenda.take()) await perform(job);
      if (requests.listing) await list();
      else if (requests.repeat) await parts.say();
    }
  }

  async function perform(job: Job): Promise<void> {
    if (job.kind === "list") await learnAll(job);
    else if (!readOne(job.item)) {
      if (agenda.failed(job) === MAX_TRIES) agenda.wish({ subject: job.item.subject, version: null });
      return;
    }
    agenda.done(job);
  }

  /** One listing in place of many reads; nothing is said again for it. */
  async function learnAll({ withTasks, withPods }: Extract<Job, { kind: "list" }>): Promise<void> {
    const look = hearing.look();
    const [apps, pods] = [answers.apps(withTasks), withTasks && withPods ? answers.pods() : null];
    onTheWay();
    if (withTasks) learning.listed(apps, pods, look);
    else learning.described(apps);
    if (withTasks && !apps.isPartial && (withPods || !cluster.traits.hasInstances)) hearing.listed(look);
    agenda.listed(look.at, { withTasks, withPods });
  }

  /** @returns whether there was an answer */
  function readOne({ subject, version }: Item): boolean {
    if (version === null) {
      const look = hearing.look();
      const report = answers.app(subject);
      onTheWay();
      learning.answered(subject, report, look);
      if (report === null && !subject.isPod && cluster.traits.hasInstances)
        agenda.wish({ subject: { ...subject, isPod: true }, version: null });
      return true;
    }
    const definitions = answers.definition(subject, version);
    if (definitions !== null) learning.defined(definitions);
    return definitions !== null;
  }
}
