import type { DiffStyle } from "../dry-run/text.ts";
import type { Style } from "../explain/text.ts";
import { colourOf, createPaint } from "./paint.ts";
import { printable } from "./table.ts";

/** How texts look on this terminal. */
export function createStyle(colours: boolean): Style {
  const paint = createPaint(colours);
  return {
    state(state) {
      const colour = colourOf(state);
      return colour === null ? printable(state) : paint(colour, printable(state));
    },
    strong: (text) => paint("bold", text),
    weak: (text) => paint("dim", text),
    bad: (text) => paint("red", text),
    clean: printable,
  };
}

/** As `createStyle`, for what comes and goes. */
export function createDiffStyle(colours: boolean): Style & DiffStyle {
  const paint = createPaint(colours);
  return {
    ...createStyle(colours),
    added: (text) => paint("green", text),
    removed: (text) => paint("red", text),
    changed: (text) => paint("yellow", text),
  };
}
