/** Facts in slots, one of each kind and source: which of two is the newer, and whether it says something new. Pure. */
import { canonicalJson, sameJson } from "./json.ts";
import type { Fact, Json } from "./model.ts";

/** Puts a fact into its slot if it is newer. @returns whether the slot's content (not just its clock) changed */
export function keepIn<F extends Fact>(facts: F[], fact: F): boolean {
  const at = slotOf(facts, fact);
  const held = facts[at];
  if (held === undefined) {
    facts.push(fact);
    return true;
  }
  if (fact.clock < held.clock) return false;
  const isNews = !saysTheSame(fact, held);
  if (fact.clock === held.clock && (!isNews || content(fact) <= content(held))) return false;
  facts[at] = fact;
  return isNews;
}

/** @returns where the fact of the same kind and source is; -1: nowhere */
export function slotOf(facts: readonly Fact[], { kind, source }: Fact): number {
  return facts.findIndex((other) => other.kind === kind && other.source === source);
}

/** What a fact says, without when and why it was seen, as a text that can be ordered. */
function content(fact: Fact): string {
  return canonicalJson({ ...fact, clock: 0, at: 0, via: "" });
}

/** The same but for when and why it was seen. Facts are plain JSON. */
export function saysTheSame(a: Fact, b: Fact): boolean {
  const [own, other] = [a, b] as unknown as readonly [Said, Said];
  const keys = Object.keys(own);
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => SEEN.has(key) || (Object.hasOwn(other, key) && sameJson(own[key], other[key])))
  );
}

type Said = Readonly<Record<string, Json>>;

const SEEN: ReadonlySet<string> = new Set(["clock", "at", "via"]);
