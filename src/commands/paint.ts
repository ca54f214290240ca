/** Colours for a terminal. */

export type Colour = "red" | "green" | "yellow" | "dim" | "bold";
export type Paint = (colour: Colour, text: string) => string;

const CODES: Readonly<Record<Colour, readonly [number, number]>> = {
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  dim: [2, 22],
  bold: [1, 22],
};

/** @param on whether there are colours at all; else the text is given as it is */
export function createPaint(on: boolean): Paint {
  return (colour, text) => {
    const [begin, end] = CODES[colour];
    return on && text !== "" ? `\u001b[${begin}m${text}\u001b[${end}m` : text;
  };
}

/** Whether a stream shows colours: a terminal that can, for a user who has not said no (no-color.org). */
export function showsColours(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return stream.isTTY === true && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
}

const STATES: Readonly<Record<string, Colour>> = {
  ready: "green",
  registered: "green",
  synced: "green",
  connected: "green",
  failed: "red",
  failing: "red",
  disconnected: "red",
  pending: "yellow",
  draining: "yellow",
  starting: "yellow",
  connecting: "yellow",
  "not-applicable": "dim",
  over: "dim",
};

/** The colour of a state, as the API calls it; null for what has none. */
export function colourOf(state: string): Colour | null {
  return STATES[state] ?? null;
}
