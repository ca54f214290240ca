/** A docker source on a fake engine. */
import * as v from "valibot";
import { createDockerSource, type DockerLimits } from "../../../adapters/sources/docker/index.ts";
import { DockerOptions } from "../../../adapters/sources/docker/options.ts";
import type { AdapterContext, Source } from "../../../src/model.ts";
import { createMemoryLog, type MemoryLog } from "../../watch-source.ts";

export const NODE = { id: "node-1", address: "10.0.0.1" };

export interface DockerSetup {
  readonly source: Source;
  readonly log: MemoryLog;
}

export interface SetupOptions {
  readonly options?: v.InferInput<typeof DockerOptions>;
  readonly context?: Partial<AdapterContext>;
  readonly limits?: Partial<DockerLimits>;
}

/** Without periodic listings, so that what is seen was seen by events or asked for. */
export function dockerSource(host: string, { options, context, limits }: SetupOptions = {}): DockerSetup {
  const log = createMemoryLog();
  const source = createDockerSource(
    v.parse(DockerOptions, { host, ...options }),
    { name: "docker", cluster: "default", node: NODE, resync: 0, log, now: Date.now, random: Math.random, ...context },
    limits,
  );
  return { source, log };
}
