/**
 * An instance's meta in the form in which Consul takes it. One bad pair refuses the whole service (400), so a bad pair
 * is left out, with a note, and the rest is registered. All limits measured on 1.8.7 (facts/consul.md).
 */

import { bytes, quoted, wellFormed } from "../../text.ts";
import { MARK } from "./ownership.ts";

type Meta = Readonly<Record<string, string>>;

const MAX_PAIRS = 64;
const MAX_KEY = 128;
/** Bytes, in UTF-8. */
export const MAX_VALUE = 512;

/**
 * @param marks ours, which come first: of too many pairs, the instance's last ones in the order of their keys go
 * @param notes gets a line for each pair left out; names the key, never the value
 */
export function projectMeta(meta: Meta, marks: Meta, notes: string[]): Meta {
  const room = MAX_PAIRS - Object.keys(marks).length;
  const kept: [string, string][] = [];
  for (const [key, value] of Object.entries(meta).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const fault = faultOf(key, value) ?? (kept.length < room ? null : `Consul takes ${MAX_PAIRS} pairs, ours included`);
    if (fault === null) kept.push([key, wellFormed(value)]);
    else notes.push(`meta ${quoted(key)} left out: ${fault}`);
  }
  return Object.fromEntries([...kept, ...Object.entries(marks)]);
}

function faultOf(key: string, value: string): string | null {
  if (!/^[A-Za-z0-9_-]+$/.test(key)) return "Consul takes letters, digits, '-' and '_' only";
  if (key.length > MAX_KEY) return `Consul takes keys of ${MAX_KEY} characters`;
  if (key.startsWith("consul-")) return "the prefix consul- is reserved by Consul";
  if (key.startsWith(MARK)) return `the prefix ${MARK} is reserved for owner marks`;
  if (key === "__proto__") return "the key has a meaning of its own in JavaScript";
  if (bytes(value) > MAX_VALUE) return `its value has ${bytes(value)} bytes, Consul takes ${MAX_VALUE}`;
  return null;
}
