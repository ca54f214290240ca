/** Rows → text. Pure. */
import type { Passage, Row, Sighting } from "./board.ts";

/** Paints a text, or leaves it as it is. */
export type Paint = (colour: "green" | "red" | "yellow" | "dim" | "bold", text: string) => string;

const CODES = { green: 32, red: 31, yellow: 33, dim: 2, bold: 1 } as const;

export const plain: Paint = (_colour, text) => text;
export const coloured: Paint = (colour, text) => `\u001b[${CODES[colour]}m${text}\u001b[0m`;

/** @param registry what the registry is called */
export function tableOf(rows: readonly Row[], registry: string, paint: Paint): readonly string[] {
  const head = ["SERVICE", "CONTAINER", "DOCKER SAYS", `IN ${registry.toUpperCase()}`, "CAME", "WENT"];
  const cells = rows.map(({ service, name, engine, place, came, went }) => [
    ...[service, name, engine, place ?? "no"],
    ...[passageText(came), passageText(went)],
  ]);
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  ");
  return [
    paint("bold", line(head).trimEnd()),
    ...cells.map((row, at) => paint(colourOf(rows[at]), line(row).trimEnd())),
  ];
}

function colourOf(row: Row | undefined): "green" | "yellow" | "dim" {
  if (row?.place != null) return "green";
  return row?.engine === "ended" || row?.engine === "removed" ? "dim" : "yellow";
}

function passageText(passage: Passage | null): string {
  return passage === null ? "" : `${duration(passage.ms)} after ${passage.after}`;
}

/** A change as one line. */
export function sightingText({ name, way, place, passage }: Sighting, registry: string): string {
  const what = way === "in" ? `+ ${name} is in ${registry} at ${place}` : `- ${name} is gone from ${registry}`;
  return passage === null ? what : `${what}, ${passageText(passage)}`;
}

function duration(ms: number): string {
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 1000)} s`;
}

/** Shortens a line to so many columns, so that a terminal does not wrap it; control sequences take none. */
export function shorten(text: string, columns: number): string {
  let width = 0;
  let result = "";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
  for (const part of text.split(/(\u001b\[\d+m)/)) {
    const isCode = part.startsWith("\u001b");
    const shown = isCode ? part : part.slice(0, Math.max(0, columns - width));
    if (!isCode) width += shown.length;
    result += shown;
  }
  return result;
}
