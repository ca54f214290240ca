import type { Figures } from "./statistics.ts";

/** What stands beside a figure: the same done with nothing but the unavoidable, in the same run. */
export interface Bound extends Figures {
  /** What it is, in a few words: `bare loop`, `JSON.parse of the same bytes`. */
  readonly what: string;
}

export interface Row {
  readonly group: string;
  readonly what: string;
  readonly unit: string;
  readonly muster: Figures;
  readonly bound: Bound;
  /** Muster's value to the bound's; of a rate the other way round. So more is worse. */
  readonly ratio: number;
  /** null: nothing is aimed at. */
  readonly aim: { readonly text: string; readonly isMet: boolean } | null;
}

/** What is aimed at; all of it has to be so. */
export interface Aim {
  readonly ratio?: number;
  readonly value?: number;
  readonly lost?: number;
}

interface Measured extends Omit<Row, "ratio" | "aim"> {
  /** Per second or the like: more is better. @default false */
  readonly isRate?: boolean;
  readonly aim?: Aim;
}

/** Completes a row with ratio and verdict. */
export function rowOf({ isRate = false, aim, ...measured }: Measured): Row {
  const { muster, bound } = measured;
  const ratio = isRate ? share(bound.value, muster.value) : share(muster.value, bound.value);
  return { ...measured, ratio, aim: aim === undefined ? null : verdict(aim, muster, ratio) };
}

/** Nothing where nothing was to be done is as good as can be. */
function share(value: number, of: number): number {
  return value === of ? 1 : value / of;
}

function verdict({ ratio, value, lost }: Aim, muster: Figures, reached: number): Row["aim"] {
  const parts = [
    ...(ratio === undefined ? [] : [{ text: `<= ${ratio}x`, isMet: reached <= ratio }]),
    ...(value === undefined ? [] : [{ text: `<= ${value}`, isMet: muster.value <= value }]),
    ...(lost === undefined ? [] : [{ text: `lost ${lost}`, isMet: muster.lost === lost }]),
  ];
  return { text: parts.map(({ text }) => text).join(", "), isMet: parts.every(({ isMet }) => isMet) };
}
