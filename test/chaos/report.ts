/** What a run tells: a line for each thing as it happens, and a summary. */

import type { Writes } from "./audits.ts";
import type { Comparison } from "./compare.ts";
import type { RegistryName } from "./fault.ts";

/** All that came of a run, as `--json` writes it. */
export interface Summary {
  readonly seed: number;
  /** ms, lab and all. */
  readonly ms: number;
  /** Of faults, by kind. */
  readonly faults: Readonly<Record<string, number>>;
  readonly deeds: Readonly<Record<string, number>>;
  readonly comparisons: readonly Comparison[];
  readonly writes: Writes;
  /** What was broken, in the order in which it was seen; none: all is well. */
  readonly violations: readonly string[];
  /** Where configurations, logs and audit logs were kept; null if all was well. */
  readonly kept: string | null;
}

/** "  12.3 s  fault  partition of node 2". */
export function lineOf(ms: number, what: string, text: string): string {
  return `${(ms / 1000).toFixed(1).padStart(7)} s  ${what.padEnd(6)} ${text}`;
}

export function comparisonText({ endpoints, held, settledAfter, equalAfter, last }: Comparison): string {
  const entries = (Object.entries(held) as readonly [RegistryName, number][]).map(
    ([name, count]) => `${name} ${count}`,
  );
  const when = `what runs was at rest after ${inSeconds(settledAfter)}, all equal ${inSeconds(equalAfter)} later${last === null ? "" : `, the last: ${last}`}`;
  return `${endpoints} endpoints; entries: ${entries.join(", ")}; ${when}`;
}

export function summaryText(summary: Summary): string {
  const { seed, ms, faults, deeds, comparisons, writes, violations, kept } = summary;
  const times = comparisons.map(({ equalAfter }) => equalAfter).sort((a, b) => a - b);
  const p50 = times[Math.floor((times.length - 1) / 2)];
  const equal = p50 === undefined ? "" : `, equal after p50 ${inSeconds(p50)}, max ${inSeconds(times.at(-1) ?? 0)}`;
  const outcome =
    violations.length === 0 ? "all is well" : `${violations.length} violation(s); the first: ${violations[0]}`;
  return [
    "",
    `seed ${seed}, ${inSeconds(ms)}`,
    `faults       ${total(faults)}: ${listed(faults)}`,
    `deeds        ${total(deeds)}: ${listed(deeds)}`,
    `comparisons  ${comparisons.length}${equal}`,
    `writes       ${total(writes)}: ${listed(writes)}`,
    ...(kept === null ? [] : [`kept         ${kept}: of each node configuration, log and audit log`]),
    `outcome      ${outcome}`,
  ].join("\n");
}

function listed(counts: Readonly<Record<string, number>>): string {
  const sorted = Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([name, count]) => `${name} ${count}`).join(", ") || "none";
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function inSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
