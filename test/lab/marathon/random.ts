/** Seeded randomness: the same seed gives the same world, event for event. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  /** An integer in [0, limit). */
  below(limit: number): number;
  chance(probability: number): boolean;
  /** Shaped as a time-based UUID (version 1), as Marathon's own: never the same twice from one `Random`. */
  uuid(): string;
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  let made = 0;

  // mulberry32: small, fast and good enough to shuffle a world.
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  const hex = (digits: number): string =>
    Math.floor(next() * 16 ** digits)
      .toString(16)
      .padStart(digits, "0");
  const start = Math.floor(next() * 2 ** 32);

  return {
    next,
    below: (limit) => Math.floor(next() * limit),
    chance: (probability) => next() < probability,
    uuid() {
      made += 1;
      // An odd factor, so that the first part alone does not repeat within 2 ** 32 ids.
      const first = (start + Math.imul(made, 0x9e3779b1)) >>> 0;
      return `${first.toString(16).padStart(8, "0")}-${hex(4)}-11e9-9${hex(3)}-02429c${hex(6)}`;
    },
  };
}
