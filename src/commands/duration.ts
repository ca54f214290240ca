import { InvalidArgumentError, Option } from "commander";

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Reads an option such as `90s`, gives ms. @throws InvalidArgumentError */
function milliseconds(text: string): number {
  const match = /^(\d{1,7}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text.trim());
  const ms = Number(match?.[1]) * (UNITS[match?.[2] ?? ""] ?? Number.NaN);
  if (ms > 0) return ms;
  throw new InvalidArgumentError("expected a duration such as 30s (units: ms, s, m, h).");
}

/** An option such as `--timeout <duration>`, whose default is shown as one would write it. @param byDefault e.g. `15m` */
export function durationOption(flags: string, description: string, byDefault: string): Option {
  return new Option(flags, description).argParser(milliseconds).default(milliseconds(byDefault), byDefault);
}
