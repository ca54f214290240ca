/** A marathon source on the simulator, without periodic listings, so that what is seen was seen by events or asked for. */
import * as v from "valibot";
import { createMarathonSource } from "../../../adapters/sources/marathon/index.ts";
import type { MarathonLimits } from "../../../adapters/sources/marathon/limits.ts";
import { MarathonOptions } from "../../../adapters/sources/marathon/options.ts";
import type { AdapterContext, Source } from "../../../src/model.ts";
import { createMemoryLog, type MemoryLog } from "../../watch-source.ts";

export interface MarathonSetup {
  readonly source: Source;
  readonly log: MemoryLog;
}

export interface SetupOptions {
  readonly options?: v.InferInput<typeof MarathonOptions>;
  readonly context?: Partial<AdapterContext>;
  readonly limits?: Partial<MarathonLimits>;
}

/** Waits as short as tests need them. */
export const SHORT: Partial<MarathonLimits> = {
  debounce: 10,
  hintDelay: 60,
  secondLook: 60,
  guardedLook: 150,
  minBackoff: 20,
  maxBackoff: 200,
  listingGap: 50,
  maxListingGap: 200,
  poll: 100,
  readinessPoll: 50,
  readsPerMinute: 1_000,
};

export function marathonSource(
  urls: readonly string[],
  { options, context, limits }: SetupOptions = {},
): MarathonSetup {
  const log = createMemoryLog();
  const source = createMarathonSource(
    v.parse(MarathonOptions, { urls: [...urls], ...options }),
    {
      ...{ name: "marathon", cluster: "default", node: { id: "node-1", address: "10.0.0.1" }, resync: 0, log },
      ...{ now: Date.now, random: Math.random },
      ...context,
    },
    { ...SHORT, ...limits },
  );
  return { source, log };
}
