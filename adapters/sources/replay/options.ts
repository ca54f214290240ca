import * as v from "valibot";
import { path } from "../../../src/schema.ts";

/** `sources.replay` in the configuration. */
export const ReplayOptions = v.strictObject({
  /** JSON lines, one fact each (src/model.ts). */
  file: path,
  /** 0: all at once; 1: as fast as recorded; 10: ten times that. @default 0 */
  speed: v.optional(
    v.pipe(
      v.number("expected a number, 0 or more"),
      v.finite("expected a number, 0 or more"),
      v.minValue(0, "expected a number, 0 or more"),
    ),
    0,
  ),
});
export type ReplayOptions = v.InferOutput<typeof ReplayOptions>;
