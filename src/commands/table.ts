/** Text for terminals. */

/** Without control characters: names come from labels, and a label must not move anybody's cursor. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, "?");
}

/**
 * Columns two spaces apart; the first row is the heading.
 * @param colour of a cell, given what is in it; it takes no room
 */
export function table(rows: readonly (readonly string[])[], colour: (cell: string) => string = (cell) => cell): string {
  const clean = rows.map((row) => row.map(printable));
  const widths = (clean[0] ?? []).map((_, column) => Math.max(...clean.map((row) => row[column]?.length ?? 0)));
  const lines = clean.map((row, index) => {
    const last = row.findLastIndex((cell) => cell !== "");
    const shown = row.slice(0, last + 1).map((cell, column) => {
      const room = column === last ? "" : " ".repeat((widths[column] ?? 0) - cell.length);
      return `${index === 0 ? cell : colour(cell)}${room}`;
    });
    return `${shown.join("  ")}\n`;
  });
  return lines.join("");
}
