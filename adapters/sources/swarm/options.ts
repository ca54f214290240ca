import * as v from "valibot";
import type { AdapterContext } from "../../../src/model.ts";
import { httpUrl, path } from "../../../src/schema.ts";

/** What it needs of a context: it is opened before anybody knows which node this is. */
export type SwarmContext = Pick<AdapterContext, "name" | "resync" | "log" | "now" | "random">;

/** `sources.swarm` in the configuration. The engine is that of `sources.docker`. */
export const SwarmOptions = v.strictObject({
  /** The secret that all Musters of the swarm share: with it workers are given the managers' facts. */
  secretFile: v.optional(path),
  /**
   * The managers' Musters, for workers. A host name stands for all its addresses, such as `http://tasks.muster:8590`.
   * @default the managers that the engine names, each with this Muster's own port
   */
  managers: v.optional(v.pipe(v.array(httpUrl), v.minLength(1, "expected at least one URL, or leave it out"))),
});
export type SwarmOptions = v.InferOutput<typeof SwarmOptions>;
