/** Answers that are almost right, and such that are not at all. */
import fc from "fast-check";

const HOSTILE = [
  "",
  "\u0000",
  "__proto__",
  "constructor",
  "../..",
  "a\nb",
  "\ud800",
  "9".repeat(400),
  "x".repeat(5_000),
];

/** Any JSON, odd numbers and names included. */
export const junk: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, 0, -1, 1.5, 1e308, 70_000, [], {}, [[]], [null], { a: {} }),
  fc.constantFrom<unknown>(...HOSTILE),
  fc.jsonValue({ maxDepth: 2 }),
  fc.dictionary(fc.constantFrom(...HOSTILE.slice(0, 5)), fc.jsonValue({ maxDepth: 1 })),
);

/** Text that is no JSON and no XML, though it may begin so; never empty. */
export const noise: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    "<html><h1>502 Bad Gateway</h1>",
    "{",
    '{"a":',
    "[1,",
    "nul",
    "\u0000",
    "upstream connect error",
    "]",
  ),
  fc.constantFrom(
    '<?xml version="1.0"?><a',
    "<DescribeTargetGroupsResponse>",
    "<ErrorResponse/>",
    "<!DOCTYPE x [<!ENTITY a 'b'>]>",
  ),
  fc.string({ unit: "binary", minLength: 1, maxLength: 40 }).map((text) => `~${text}`),
);

type Mutation = readonly [at: number, kind: "replace" | "remove" | "double", value: unknown];

const mutation: fc.Arbitrary<Mutation> = fc.tuple(fc.nat(), fc.constantFrom("replace", "remove", "double"), junk);

/** The value with one to three of its parts replaced, removed or doubled; itself among them, so that it may be anything. */
export function mutated(value: unknown): fc.Arbitrary<unknown> {
  return fc.array(mutation, { minLength: 1, maxLength: 3 }).map((all) => all.reduce(apply, structuredClone(value)));
}

interface Place {
  readonly within: Record<string, unknown>;
  readonly key: string;
}

function apply(value: unknown, [at, kind, junk]: Mutation): unknown {
  // The next mutation may change it, and what is in the lists above is everybody's.
  const other = structuredClone(junk);
  const places = [...placesIn(value)];
  const place = places[at % (places.length + 1)];
  if (place === undefined) return kind === "replace" ? other : value;
  const { within, key } = place;
  if (Array.isArray(within)) within.splice(Number(key), 1, ...partsFor(kind, within[Number(key)], other));
  else if (kind === "remove") delete within[key];
  else Object.defineProperty(within, key, { value: other, enumerable: true, configurable: true, writable: true });
  return value;
}

function partsFor(kind: Mutation[1], held: unknown, other: unknown): readonly unknown[] {
  if (kind === "remove") return [];
  return kind === "double" ? [held, structuredClone(held)] : [other];
}

function* placesIn(value: unknown): Generator<Place> {
  if (typeof value !== "object" || value === null) return;
  for (const key of Object.keys(value)) {
    const within = value as Record<string, unknown>;
    yield { within, key };
    yield* placesIn(within[key]);
  }
}

/** What a call gives, or what it throws. */
export function attempt<T>(call: () => T): { readonly value: T } | { readonly error: unknown } {
  try {
    return { value: call() };
  } catch (error) {
    return { error };
  }
}
