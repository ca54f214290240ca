/** A state as a shape of its own, so that colour is never all that tells it. */
import type { CellState } from "../states.ts";

const SHAPES: Readonly<Record<CellState, string>> = {
  // disc, ring, triangle, diamond, dash
  registered: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2Z",
  pending: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2Zm0 2.2a3.8 3.8 0 1 0 0 7.6A3.8 3.8 0 0 0 8 4.2Z",
  failed: "M8 1.5 15 14H1L8 1.5Zm-.9 4.8.25 3.9h1.3l.25-3.9H7.1ZM8 12.7a.9.9 0 1 0 0-1.8.9.9 0 0 0 0 1.8Z",
  draining: "M8 1.5 14.5 8 8 14.5 1.5 8 8 1.5Z",
  none: "M3.5 7.2h9v1.6h-9z",
};

/** Beside a word that says the same. */
export function Glyph({ state }: { readonly state: CellState }) {
  return (
    <svg class={`glyph is-${state}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path fill-rule="evenodd" d={SHAPES[state]} />
    </svg>
  );
}

/** The shape with its word. */
export function StateWord({ state, word }: { readonly state: CellState; readonly word?: string }) {
  return (
    <span class={`state is-${state}`}>
      <Glyph state={state} />
      <span class="word">{word ?? (state === "none" ? "not here" : state)}</span>
    </span>
  );
}
