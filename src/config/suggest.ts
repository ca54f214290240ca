/** "Did you mean …?", pure. */

/** How a key is compared where writing differs: `on_exit`, `ON-EXIT` and `onExit` are one. */
export function normalised(key: string): string {
  return key.toLowerCase().replace(/[-_.]/g, "");
}

/** The known name that `name` was most likely meant to be; null if none is near. */
export function nearest(name: string, known: readonly string[]): string | null {
  // Nobody mistypes a long name by two letters into another; and the cost is quadratic.
  if (name.length > 64) return null;
  const target = normalised(name);
  let best: string | null = null;
  let bestDistance = Math.min(3, Math.ceil(target.length / 2));
  for (const candidate of known) {
    const distance = editDistance(target, normalised(candidate));
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** ` (did you mean "x"?)`, or nothing. */
export function suggestion(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return near === null ? "" : ` (did you mean ${JSON.stringify(near)}?)`;
}

/** Insertions, deletions, exchanges, and swaps of neighbours. */
function editDistance(from: string, to: string): number {
  let older: readonly number[] = [];
  let previous: readonly number[] = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const same = from[row - 1] === to[column - 1];
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current.push(
        Math.min(
          (previous[column] ?? 0) + 1,
          (current[column - 1] ?? 0) + 1,
          (previous[column - 1] ?? 0) + (same ? 0 : 1),
          swapped ? (older[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    older = previous;
    previous = current;
  }
  return previous[to.length] ?? 0;
}
