/**
 * Many tasks have the same host, agent, version and state, and every event brings a copy of each of those texts. One copy is
 * kept and the others are let go, which changes nothing but the memory that a task takes.
 */
export function shared(text: string): string {
  const known = copies.get(text);
  if (known !== undefined) return known;
  if (copies.size >= MAX) copies.clear();
  copies.set(text, text);
  return text;
}

const MAX = 10_000;
const copies = new Map<string, string>();
