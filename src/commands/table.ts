/** Text for terminals. */

/** Without control characters: names come from labels, and a label must not move anybody's cursor. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, "?");
}

/** Columns two spaces apart; the first row is the heading. */
export function table(rows: readonly (readonly string[])[]): string {
  const clean = rows.map((row) => row.map(printable));
  const widths = (clean[0] ?? []).map((_, column) => Math.max(...clean.map((row) => row[column]?.length ?? 0)));
  const lines = clean.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}
