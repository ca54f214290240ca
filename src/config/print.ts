/** Prints the effective configuration. */
import { stringify } from "yaml";
import type { Config } from "../config.ts";
import type { Json } from "../model.ts";
import { redact } from "../redact.ts";

/** As YAML that, read again, gives the same configuration, but for secrets, which are redacted. */
export function printConfig(config: Pick<Config, "effective">): string {
  return stringify(redact(config.effective as Json), { lineWidth: 0 });
}
