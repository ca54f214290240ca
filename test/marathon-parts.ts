/** The Marathon source without its connection: the same parts, wired as its index.ts does, driven by hand and in order. */
import { type Agenda, createAgenda } from "../adapters/sources/marathon/agenda.ts";
import type { Asks } from "../adapters/sources/marathon/asks.ts";
import { readEvent } from "../adapters/sources/marathon/events.ts";
import { createHearing, type Hearing } from "../adapters/sources/marathon/hearing.ts";
import { createHeld, type Held } from "../adapters/sources/marathon/held.ts";
import { createLearning, type Learning } from "../adapters/sources/marathon/learning.ts";
import { LIMITS } from "../adapters/sources/marathon/limits.ts";
import { createParking, type Parking } from "../adapters/sources/marathon/parking.ts";
import { createSaying } from "../adapters/sources/marathon/saying.ts";
import { createSseReader, type SseReader } from "../adapters/sources/marathon/sse.ts";
import { createStamps } from "../adapters/sources/stamps.ts";
import type { Fact } from "../src/model.ts";

export interface MarathonParts {
  readonly held: Held;
  readonly hearing: Hearing;
  readonly learning: Learning;
  readonly agenda: Agenda;
  readonly parking: Parking;
  /** What the parts have asked for; to be taken back by whoever answers it. */
  readonly requests: { listing: boolean; repeat: boolean };
  /** One event as it stands behind `data:`. */
  hear(type: string, data: string): void;
  /** The event stream's bytes → events → what is held. */
  createReader(): SseReader;
  /** Says all that is held again, in `resync`…`synced` brackets. */
  say(): Promise<void>;
}

export interface MarathonPartsOptions {
  now(): number;
  random(): number;
  emit(fact: Fact): void;
}

export function createMarathonParts({ now, random, emit }: MarathonPartsOptions): MarathonParts {
  const requests = { listing: false, repeat: false };
  const stamps = createStamps("marathon", now);
  const emitAll = (facts: readonly Fact[]) => {
    for (const fact of facts) emit(fact);
  };
  const held = createHeld({ stamps, now, expose: "published", limits: LIMITS, emit: emitAll });
  const agenda = createAgenda({
    ...{ limits: LIMITS, now, random },
    isMissing: ({ subject, version }) =>
      version !== null &&
      held.ofApp(subject.app).some((task) => task.version === version && held.definitionOf(task) === null),
  });
  const asks: Asks = {
    definition: (subject, version) => agenda.wish({ subject, version }),
    tasks: (subject, wish) => agenda.wish({ subject, version: null }, wish),
    listing() {
      requests.listing = true;
    },
    repeat() {
      requests.repeat = true;
    },
  };
  const parking = createParking({ ttl: LIMITS.parkedTtl, max: LIMITS.maxParked }, now);
  const { hintDelay, readinessPoll } = LIMITS;
  const hearing = createHearing({ held, asks, parking, hintDelay, readinessPoll, now });
  const learning = createLearning({ held, asks, limits: LIMITS, now });
  // Everyone who listens here keeps up.
  const outbox = { push: emitAll, room: async () => {}, overflows: () => 0, async *facts() {} };
  const saying = createSaying({ held, outbox, stamps });

  function hear(type: string, data: string): void {
    const event = readEvent(type, data);
    if (typeof event === "string") throw new Error(`the simulator published ${event}: ${data}`);
    hearing.hear(event);
  }

  return {
    ...{ held, hearing, learning, agenda, parking, requests, hear },
    createReader: () =>
      createSseReader(hear, () => {
        throw new Error("the simulator published an event that is too large");
      }),
    async say() {
      requests.repeat = false;
      await saying.everything("whole", new AbortController().signal);
    },
  };
}
