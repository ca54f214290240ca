import { Agent, request } from "node:http";
import { text } from "node:stream/consumers";
import * as v from "valibot";

/** Who has registered it. */
export type Who = "muster" | "bare";

/** When a container's entries came and went, as seen in the Consul agent; ms since the epoch, with fractions. */
export interface Sightings {
  /** Undefined: not seen (yet). */
  cameAt(who: Who, task: string): number | undefined;
  wentAt(who: Who, task: string): number | undefined;
  /** Entries there at the last look. */
  present(who: Who): number;
  /** Times between two looks, ms, since the last call. */
  takePeriods(): readonly number[];
}

const Services = v.record(v.string(), v.object({ ID: v.string(), Meta: v.record(v.string(), v.string()) }));

/** Looks into the agent without a pause but `pauseMs`, for all services at once, until `signal` aborts. */
export function watchAgent(
  url: string,
  pauseMs: () => number,
  signal: AbortSignal,
): Sightings & { readonly done: Promise<void> } {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const came = { muster: new Map<string, number>(), bare: new Map<string, number>() };
  const went = { muster: new Map<string, number>(), bare: new Map<string, number>() };
  let now = new Map<string, readonly [Who, string]>();
  let periods: number[] = [];

  function look(): Promise<string> {
    return new Promise((resolve, reject) => {
      request(`${url}/v1/agent/services`, { agent }, (answer) => {
        text(answer).then(resolve, reject);
      })
        .on("error", reject)
        .end();
    });
  }

  function compare(answer: string, at: number): void {
    const services = Object.values(v.parse(Services, JSON.parse(answer)));
    const next = new Map(
      services.map(({ ID, Meta }) => {
        const who: Who = ID.startsWith("bare:") ? "bare" : "muster";
        return [ID, [who, Meta["muster_task"] ?? ""] as const] as const;
      }),
    );
    for (const [id, [who, task]] of next) if (!now.has(id)) came[who].set(task, at);
    for (const [id, [who, task]] of now) if (!next.has(id)) went[who].set(task, at);
    now = next;
  }

  async function watch(): Promise<void> {
    let last = wallClock();
    while (!signal.aborted) {
      const answer = await look();
      const at = wallClock();
      compare(answer, at);
      periods.push(at - last);
      last = at;
      await new Promise((resolve) => setTimeout(resolve, pauseMs()));
    }
    agent.destroy();
  }

  return {
    done: watch(),
    cameAt: (who, task) => came[who].get(task),
    wentAt: (who, task) => went[who].get(task),
    present: (who) => [...now.values()].filter(([each]) => each === who).length,
    takePeriods() {
      const taken = periods;
      periods = [];
      return taken;
    },
  };
}

/** `Date.now()` has no fractions. */
function wallClock(): number {
  return performance.timeOrigin + performance.now();
}
