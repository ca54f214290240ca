import type { Row, Sighting } from "./board.ts";
import { coloured, type Paint, plain, shorten, sightingText, tableOf } from "./table.ts";

/** Where the demo tells what happens: lines that stay and, on a terminal, a table below them that is redrawn. */
export interface Screen {
  /** A step of the story, or news. */
  say(text: string): void;
  problem(text: string): void;
  /** On a terminal the table shows it; elsewhere it is a line. */
  sighted(sighting: Sighting): void;
  /** Puts the table in place of the last one; elsewhere nothing. */
  draw(rows: readonly Row[]): void;
  /** From now on lines only; the last table stays. */
  close(): void;
  readonly isTerminal: boolean;
  /** How the registry is called. */
  registry: string;
}

/** @param out standard output, as a rule */
export function createScreen(out: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Screen {
  const isTerminal = out.isTTY === true && env["TERM"] !== "dumb";
  const hasColours = isTerminal && !env["NO_COLOR"];
  const paint: Paint = hasColours ? coloured : plain;
  let table: readonly string[] = [];
  let shown = "";
  let isOpen = isTerminal;

  const screen: Screen = {
    isTerminal,
    registry: "Consul",
    say: (text) => print(text),
    problem: (text) => print(paint("red", text)),
    sighted(sighting) {
      if (!isTerminal) print(`  ${sightingText(sighting, screen.registry)}`);
    },
    draw(rows) {
      if (!isOpen || rows.length === 0) return;
      const next = ["", ...tableOf(rows, screen.registry, paint)].map((line) => shorten(line, out.columns ?? 80));
      if (next.join("\n") === shown) return;
      out.write(erased() + text(next));
      table = next;
      shown = next.join("\n");
    },
    close() {
      isOpen = false;
      table = [];
    },
  };
  return screen;

  function print(line: string): void {
    out.write(`${erased()}${line}\n${text(table)}`);
  }

  /** Takes the table away; the cursor is where it began. */
  function erased(): string {
    return table.length === 0 ? "" : `\u001b[${table.length}A\u001b[0J`;
  }
}

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}
