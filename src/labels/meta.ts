/** Meta pairs: which keys and values may be registered. */
import type { Rule } from "./layers.ts";
import { type Parsed, refused, SECRET_REASON } from "./parse.ts";
import { isSecretKey, looksSecret } from "./secrets.ts";
import { byteLength, isPrintable } from "./text.ts";

/** Consul's limits (facts/consul.md): 64 pairs, keys of 128 and values of 512 bytes. */
export const MAX_META = 64;
const MAX_VALUE_BYTES = 512;
/** Starts with a letter or digit, so `__proto__` is none. A registry that knows fewer characters drops the pair and says so. */
const KEY = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;
/** Muster's owner marks are meta pairs as well. */
const RESERVED = /^muster/i;

/** The rule that sets the meta pair `key`. */
export function metaPair(key: string): Rule {
  return {
    id: `meta ${key}`,
    read(raw) {
      const { value, faults } = parse(key, raw);
      if (typeof value !== "string") return { write: null, faults };
      return { write: (layer) => void layer.meta.set(key, value), faults };
    },
  };
}

/** The value is kept as it is, also when empty; it is never shown, since nobody knows what people put there. */
function parse(key: string, raw: string): Parsed<string> {
  if (!KEY.test(key)) {
    return refused(
      null,
      "expected a meta key of at most 128 letters, digits, '_', '-' and '.', a letter or digit first",
    );
  }
  if (RESERVED.test(key)) return refused(null, "meta keys that start with 'muster' are Muster's own");
  if (isSecretKey(key) || looksSecret(raw)) return refused(null, SECRET_REASON);
  if (byteLength(raw) > MAX_VALUE_BYTES)
    return refused(null, `expected a meta value of at most ${MAX_VALUE_BYTES} bytes`);
  return isPrintable(raw) ? { value: raw, faults: [] } : refused(null, "expected text without control characters");
}
