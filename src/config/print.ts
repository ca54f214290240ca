/** Prints the effective configuration. */
import { stringify } from "yaml";
import type { Config } from "../config.ts";
import type { Json } from "../model.ts";
import { redact } from "../redact.ts";

/** As text that, read again, gives the same configuration, but for secrets, which are redacted. */
export function printConfig(config: Pick<Config, "effective">, format: "yaml" | "json" = "yaml"): string {
  const shown = redact(config.effective as Json);
  return format === "json" ? `${JSON.stringify(shown)}\n` : stringify(shown, { lineWidth: 0 });
}
