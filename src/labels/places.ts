/** Reads the labels of one place: picks those that concern Muster, and shelves them by grammar. */
import { createShelf, type Layer, type Place, showKey } from "./layers.ts";
import { interpretMuster, MUSTER_PREFIX } from "./muster.ts";
import { MAX_VALUE_LENGTH } from "./parse.ts";
import { interpretRegistrator, REGISTRATOR_PREFIX } from "./registrator.ts";
import { byCodeUnit } from "./text.ts";

const MAX_KEY_LENGTH = 256;
/** In one place: more than anyone has; bounds the work that hostile labels can cause. */
const MAX_LABELS = 1000;
const MAX_CHARACTERS = 128 * 1024;
const MAX_NAMES = 10;

/** What one place says in both grammars, by port; null: all ports. */
export interface PlaceLabels {
  readonly muster: ReadonlyMap<number | null, Layer>;
  readonly registrator: ReadonlyMap<number | null, Layer>;
}

/**
 * @param metaKeys the attributes that may become meta pairs, as `SERVICE_VERSION` or `version`; null: all. The others
 *   are reported once, without their values
 */
export function readPlace(
  place: Place,
  labels: Readonly<Record<string, string>>,
  metaKeys: readonly string[] | null,
  report: (problem: string) => void,
): PlaceLabels {
  const muster = createShelf(place, report);
  const registrator = createShelf(place, report);
  const allowed = metaKeys === null ? null : new Set(metaKeys.map(attributeOf));
  const leftOut: string[] = [];

  for (const [key, value] of relevant(place, labels, report)) {
    const label = { key, value };
    if (key.startsWith(MUSTER_PREFIX)) {
      muster.put(label, interpretMuster(key));
      continue;
    }
    const meaning = interpretRegistrator(key, (attribute) => allowed === null || allowed.has(attribute));
    if (meaning === null) leftOut.push(key);
    else registrator.put(label, meaning);
  }

  if (leftOut.length > 0) report(leftOutLine(place, leftOut));
  return { muster: muster.layers, registrator: registrator.layers };
}

/** Sorted, so that the order of keys does not matter. */
function relevant(
  place: Place,
  labels: Readonly<Record<string, string>>,
  report: (problem: string) => void,
): readonly (readonly [string, string])[] {
  const sorted = Object.entries(labels)
    .filter(([key]) => isRelevant(place, key))
    .sort(([a], [b]) => byCodeUnit(a, b));
  const overlong = sorted.filter(([key]) => key.length > MAX_KEY_LENGTH);
  for (const [key] of overlong) {
    report(`${place} ${showKey(key)} is dropped: expected a key of at most ${MAX_KEY_LENGTH} characters`);
  }
  const usable = sorted.filter(([key]) => key.length <= MAX_KEY_LENGTH);
  const affordable = usable.slice(0, countAffordable(usable));
  if (affordable.length < usable.length) {
    report(`${place}: only ${affordable.length} of ${usable.length} for Muster are read, the others are too much`);
  }
  return affordable;
}

function countAffordable(labels: readonly (readonly [string, string])[]): number {
  let characters = 0;
  const end = labels.findIndex(([key, value]) => {
    characters += key.length + Math.min(value.length, MAX_VALUE_LENGTH);
    return characters > MAX_CHARACTERS;
  });
  return Math.min(end === -1 ? labels.length : end, MAX_LABELS);
}

/** In the environment there is only Registrator's grammar. */
function isRelevant(place: Place, key: string): boolean {
  return key.startsWith(REGISTRATOR_PREFIX) || (place !== "environment" && key.startsWith(MUSTER_PREFIX));
}

function attributeOf(variable: string): string {
  const attribute = variable.startsWith(REGISTRATOR_PREFIX) ? variable.slice(REGISTRATOR_PREFIX.length) : variable;
  return attribute.toLowerCase();
}

function leftOutLine(place: Place, keys: readonly string[]): string {
  return `${place} ${showKeys(keys)}: not taken as meta, since environments hold secrets; what is none can be said with a muster.meta.KEY label`;
}

/** The first ten of them. */
export function showKeys(keys: readonly string[]): string {
  const shown = keys.slice(0, MAX_NAMES).map(showKey).join(", ");
  return keys.length > MAX_NAMES ? `${shown} and ${keys.length - MAX_NAMES} more` : shown;
}
