/** Ends a command: its lines go to standard error. */
export class ExitError extends Error {
  readonly exitCode: 1 | 2;
  readonly lines: readonly string[];

  constructor(exitCode: 1 | 2, lines: readonly string[]) {
    super(lines.join("\n"));
    this.name = "ExitError";
    this.exitCode = exitCode;
    this.lines = lines;
  }
}
