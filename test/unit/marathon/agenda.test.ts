/** What is read when: gathered, once each, bounded, and not at all if it is not needed any more. */
import { beforeEach, describe, expect, it } from "vitest";
import { type Agenda, createAgenda, type Job, MAX_TRIES } from "../../../adapters/sources/marathon/agenda.ts";
import { LIMITS } from "../../../adapters/sources/marathon/limits.ts";

let now = 0;
let missing = true;
let agenda: Agenda;

beforeEach(() => {
  now = 1_000_000;
  missing = true;
  agenda = createAgenda({ limits: LIMITS, isMissing: () => missing, now: () => now, random: () => 0.5 });
});

function subject(app: string, isPod = false) {
  return { app, isPod };
}

/** Until something is to be read, or `ms` are over. */
function takeWithin(ms: number): readonly Job[] {
  const end = now + ms;
  for (;;) {
    const jobs = agenda.take();
    const next = agenda.nextTake();
    if (jobs.length > 0 || next > end) return jobs;
    now = Math.max(now + 1, next);
  }
}

/** Reads for `ms`, each read taking no time. @returns what was read, as paths, and `*` for listings */
function readFor(ms: number, outcome: "done" | "failed" = "done"): readonly string[] {
  const end = now + ms;
  const read: string[] = [];
  while (now <= end) {
    const at = now;
    for (const job of agenda.take()) {
      read.push(job.kind === "list" ? "*" : `${job.item.subject.app}${job.item.version ?? ""}`);
      agenda[outcome](job);
      if (job.kind === "list") agenda.listed(now, job);
    }
    now = Math.max(at + 1, Math.min(end + 1, agenda.nextTake()));
  }
  return read;
}

describe("the agenda", () => {
  it("waits a moment, and reads once what is wished for often", () => {
    for (let wish = 0; wish < 10; wish++) agenda.wish({ subject: subject("/web"), version: null });
    expect(agenda.take()).toEqual([]);
    expect(readFor(10_000)).toEqual(["/web"]);
    expect(agenda.size()).toBe(0);
  });

  it("reads once more what was wished for while it was being read", () => {
    agenda.wish({ subject: subject("/web"), version: null });
    const [job] = takeWithin(1_000);
    for (let wish = 0; wish < 10; wish++) agenda.wish({ subject: subject("/web"), version: null });
    expect(agenda.take()).toEqual([]);
    if (job !== undefined) agenda.done(job);
    expect(readFor(10_000)).toEqual(["/web"]);
  });

  it("does not read what is not needed any more", () => {
    let needed = true;
    agenda.wish({ subject: subject("/a"), version: null }, { isStillNeeded: () => needed });
    agenda.wish({ subject: subject("/b"), version: "1" });
    needed = false;
    missing = false;
    expect(readFor(10_000)).toEqual([]);
    expect(agenda.size()).toBe(0);
  });

  it.each([
    ["definitions of apps", "1", false, { withTasks: false, withPods: false }],
    ["tasks of apps", null, false, { withTasks: true, withPods: false }],
    ["definitions of pods", "1", true, { withTasks: true, withPods: true }],
  ])("makes one listing of many reads: of %s", (_, version, isPod, extent) => {
    for (let app = 0; app < 50; app++) agenda.wish({ subject: subject(`/a${app}`, isPod), version });
    expect(takeWithin(1_000)).toEqual([{ kind: "list", ...extent }]);
    expect(takeWithin(1_000)).toEqual([]);
  });

  it("reads singly what a listing did not tell, at most ten in a second and four at a time", () => {
    for (let app = 0; app < 50; app++) agenda.wish({ subject: subject(`/a${app}`), version: "1" });
    const [listing] = takeWithin(1_000);
    if (listing !== undefined) agenda.done(listing);
    now += 1;
    agenda.listed(now, { withTasks: false, withPods: false });
    expect(agenda.take()).toHaveLength(4);
    agenda.reset();
    const read = readFor(2_000);
    expect(read.length).toBeGreaterThan(20);
    expect(read.length).toBeLessThanOrEqual(30);
  });

  it("lists ever more rarely while a mass start goes on, at most ten reads in half a minute", () => {
    const read: string[] = [];
    for (let second = 0; second < 30; second++) {
      for (let app = 0; app < 5; app++) agenda.wish({ subject: subject(`/a${second}-${app}`), version: "1" });
      missing = true;
      const before = read.length;
      read.push(...readFor(500));
      // A listing told all that was asked until then.
      if (read.slice(before).includes("*")) missing = false;
      read.push(...readFor(500));
    }
    expect(read.length).toBeLessThanOrEqual(10);
  });

  it("reads one app at most six times in a minute, after six at once", () => {
    const read: string[] = [];
    for (let second = 0; second < 300; second++) {
      agenda.wish({ subject: subject("/crashing"), version: null }, { isStillNeeded: () => true });
      read.push(...readFor(1_000));
    }
    expect(read.filter((path) => path === "/crashing").length).toBeLessThanOrEqual(6 * 5 + 6);
  });

  it("tries again what failed, more and more rarely", () => {
    agenda.wish({ subject: subject("/web"), version: "1" });
    expect(readFor(20_000, "failed").filter((path) => path !== "*")).toHaveLength(MAX_TRIES);
    expect(readFor(600_000, "failed").length).toBeLessThanOrEqual(11);
    expect(agenda.size()).toBe(1);
  });

  it("forgets what a later listing has answered, but not what was wished for since", () => {
    agenda.wish({ subject: subject("/a"), version: null });
    now += 10;
    const asked = now;
    now += 10;
    agenda.wish({ subject: subject("/b"), version: null });
    agenda.listed(asked, { withTasks: true, withPods: true });
    expect(readFor(10_000)).toEqual(["/b"]);
  });

  it("does not take a listing of apps for an answer about pods", () => {
    agenda.wish({ subject: subject("/pod", true), version: null });
    agenda.listed(now + 1, { withTasks: true, withPods: false });
    expect(readFor(10_000)).toEqual(["/pod"]);
  });

  it("lets a later wish be read when it is due, and a sooner one sooner", () => {
    agenda.wish({ subject: subject("/a"), version: null }, { delay: 5_000 });
    expect(readFor(4_900)).toEqual([]);
    expect(readFor(200)).toEqual(["/a"]);
    agenda.wish({ subject: subject("/a"), version: null }, { delay: 5_000 });
    agenda.wish({ subject: subject("/a"), version: null });
    expect(readFor(200)).toEqual(["/a"]);
  });
});
