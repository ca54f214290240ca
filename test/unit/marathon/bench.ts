/** The table without a Marathon: events and answers go in, facts come out and are joined by the real correlator. */
import { readApps } from "../../../adapters/sources/marathon/apps.ts";
import type { Asks, Subject, Wish } from "../../../adapters/sources/marathon/asks.ts";
import { eventOf } from "../../../adapters/sources/marathon/events.ts";
import type { Fields } from "../../../adapters/sources/marathon/fields.ts";
import { createHearing, type Hearing } from "../../../adapters/sources/marathon/hearing.ts";
import { createHeld, type Held } from "../../../adapters/sources/marathon/held.ts";
import { createLearning } from "../../../adapters/sources/marathon/learning.ts";
import { LIMITS, type MarathonLimits } from "../../../adapters/sources/marathon/limits.ts";
import type { Look } from "../../../adapters/sources/marathon/moment.ts";
import { createParking } from "../../../adapters/sources/marathon/parking.ts";
import { createStamps } from "../../../adapters/sources/stamps.ts";
import { type Correlator, createCorrelator } from "../../../src/correlate.ts";
import type { Fact } from "../../../src/model.ts";

export const V1 = "2019-10-22T23:25:58.001Z";
export const UUID = "5373f6f3-f523-11e9-9b69-02429c8e109f";
export const TASK = `web.instance-${UUID}._app.1`;
export const INSTANCE = `web.instance-${UUID}`;

export interface Asked {
  readonly subject: Subject;
  readonly version: string | null;
  readonly wish: Wish;
}

export interface Bench {
  readonly held: Held;
  readonly hearing: Hearing;
  readonly correlator: Correlator;
  readonly facts: readonly Fact[];
  readonly asked: Asked[];
  /** Listings and repetitions that were asked for. */
  readonly requests: string[];
  /** @param ts ms by the leader's clock; the event is of the type that its fields tell */
  hear(ts: number, fields: Fields): void;
  status(ts: number, taskStatus: string, fields?: Fields): void;
  health(ts: number, healthy: boolean | null, fields?: Fields): void;
  look(): Look;
  /** An answer to GET /v2/apps. @param look when it was asked for; default now */
  list(apps: readonly Fields[], look?: Look): void;
  /** Says everything again, so that what was dropped is seen to be gone. */
  repeat(): void;
  tick(ms: number): void;
}

export function createBench(limits: Partial<MarathonLimits> = {}): Bench {
  let now = 1_000_000;
  const all = { ...LIMITS, ...limits };
  const correlator = createCorrelator();
  const facts: Fact[] = [];
  const asked: Asked[] = [];
  const requests: string[] = [];
  const stamps = createStamps("marathon", () => now);
  const emit = (said: readonly Fact[]) => {
    for (const fact of said) {
      facts.push(fact);
      correlator.join(fact);
    }
  };
  const held = createHeld({ stamps, expose: "published", limits: all, now: () => now, emit });
  const asks: Asks = {
    definition: (subject, version) => void asked.push({ subject, version, wish: {} }),
    tasks: (subject, wish = {}) => void asked.push({ subject, version: null, wish }),
    listing: () => void requests.push("listing"),
    repeat: () => void requests.push("repeat"),
  };
  const parking = createParking({ ttl: all.parkedTtl, max: all.maxParked }, () => now);
  const { hintDelay, readinessPoll } = all;
  const hearing = createHearing({ held, asks, parking, hintDelay, readinessPoll, now: () => now });
  const learning = createLearning({ held, asks, limits: all, now: () => now });
  hearing.attached();
  held.setFramework("fw");
  held.reopen();

  function hear(ts: number, fields: Fields): void {
    const event = eventOf({ timestamp: new Date(ts).toISOString(), ...fields });
    if (typeof event === "string") throw new Error(event);
    hearing.hear(event);
  }

  return {
    ...{ held, hearing, correlator, facts, asked, requests, hear },
    status(ts, taskStatus, fields = {}) {
      const place = { host: "10.0.12.10", slaveId: "S0", ports: [31_000], ipAddresses: [], version: V1 };
      hear(ts, { eventType: "status_update_event", taskId: TASK, appId: "/web", taskStatus, ...place, ...fields });
    },
    health(ts, healthy, fields = {}) {
      const of = { instanceId: INSTANCE, runSpecId: "/web", runSpecVersion: V1 };
      hear(ts, { eventType: "instance_health_changed_event", ...of, healthy, ...fields });
    },
    look: () => hearing.look(),
    list(apps, look = hearing.look()) {
      const listing = readApps({ apps });
      if (listing === null) throw new Error("no listing");
      learning.listed(listing, { apps: [], unreadable: [], isPartial: false }, look);
      hearing.listed(look);
    },
    repeat() {
      const opening = stamps.next("list");
      emit([stamps.fact({ kind: "resync" }, opening)]);
      held.reopen();
      for (const app of held.definitions.apps()) held.sayApp(app, "list");
      for (const task of held.tasks.values()) held.say(task, 15, "list");
      emit([stamps.fact({ kind: "synced", floor: opening.clock, trust: "whole" }, stamps.next("list"))]);
    },
    tick(ms) {
      now += ms;
    },
  };
}

/** `/web` as an answer has it, with these tasks. */
export function webApp(tasks: readonly Fields[], more: Fields = {}): Fields {
  return { id: "/web", version: V1, portDefinitions: [{ port: 10_001 }], healthChecks: [], tasks, ...more };
}

export function webTask(state: string, more: Fields = {}): Fields {
  return { id: TASK, host: "10.0.12.10", slaveId: "S0", ports: [31_000], version: V1, state, ...more };
}

export const CHECKED = { healthChecks: [{ protocol: "HTTP" }] };

/** `gone` once its end was seen; null while nothing is known of it. */
export function statusOf({ correlator }: Bench): string | null {
  return correlator.isGone(TASK) ? "gone" : (correlator.record(TASK)?.status ?? null);
}

export function healthOf({ correlator }: Bench): string | null {
  return correlator.record(TASK)?.health ?? null;
}
