import type { Row } from "./row.ts";
import type { Figures } from "./statistics.ts";

const HEAD = [
  "GROUP",
  "WHAT",
  "UNIT",
  "MUSTER",
  "P95",
  "P99",
  "MAX",
  "LOST",
  "BOUND",
  "P95",
  "RATIO",
  "AIM",
  "",
  "BOUND IS",
];

/** One line a row, in columns; at the end of each what stands beside it. */
export function table(rows: readonly Row[]): string {
  const lines = [HEAD, ...rows.map(cells)];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, at) => pad(cell, at, widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function cells({ group, what, unit, muster, bound, ratio, aim }: Row): readonly string[] {
  const verdict = aim === null ? "" : aim.isMet ? "met" : "MISSED";
  const own = [...(["value", "p95", "p99", "max"] as const).map((key) => figure(muster[key])), lostOf(muster)];
  const beside = [figure(bound.value), figure(bound.p95)];
  return [group, what, unit, ...own, ...beside, `${figure(ratio)}x`, aim?.text ?? "", verdict, bound.what];
}

function lostOf({ lost }: Figures): string {
  return lost === undefined ? "" : String(lost);
}

/** As many digits as mean something. */
function figure(value: number | undefined): string {
  if (value === undefined) return "";
  if (!Number.isFinite(value)) return "-";
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return value.toFixed(0);
  return Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** Figures to the right, words to the left. */
function pad(cell: string, column: number, width: number): string {
  return column >= 3 && column <= 10 ? cell.padStart(width) : cell.padEnd(width);
}
