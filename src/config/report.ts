/** Collects everything that is wrong with a configuration, one line each: where, which key, what was expected, what is there. */
import type * as v from "valibot";
import type { Json } from "../model.ts";
import { isSecretKey, REDACTED, redact } from "../redact.ts";
import { misfits, type Shape } from "./shape.ts";
import { suggestion } from "./suggest.ts";

const SHOWN_CHARACTERS = 60;

export interface Report {
  /** Something about a key; `path` empty: about the whole. */
  add(path: readonly string[], what: string): void;
  /** A whole line, whose place is in it already. */
  addLine(line: string): void;
  readonly problems: readonly string[];
}

/** Where a key was given. */
export interface Origins {
  /** Name of the file; null if there is none. */
  readonly file: string | null;
  lineOf(path: readonly string[]): number | null;
  /** The environment variable of a path joined by `.`. */
  readonly variables: ReadonlyMap<string, string>;
}

export function createReport(origins: Origins): Report {
  const problems: string[] = [];
  function addLine(line: string): void {
    if (!problems.includes(line)) problems.push(line);
  }
  return {
    add(path, what) {
      addLine([placeOf(path, origins), path.join("."), what].filter((part) => part !== "").join(": "));
    },
    addLine,
    problems,
  };
}

function placeOf(path: readonly string[], { file, lineOf, variables }: Origins): string {
  for (let length = path.length; length > 0; length -= 1) {
    const variable = variables.get(path.slice(0, length).join("."));
    if (variable !== undefined) return variable;
  }
  const line = file === null ? null : lineOf(path);
  if (line !== null) return `${file}:${line}`;
  const below = [...variables].find(([key]) => path.length > 0 && key.startsWith(`${path.join(".")}.`));
  return below?.[1] ?? file ?? "";
}

/** Unknown keys, each with the one that was probably meant, and lists where keys are wanted. */
export function reportMisfits(report: Report, shape: Shape, value: unknown, path: readonly string[]): void {
  for (const misfit of misfits(shape, value, path)) {
    const what =
      misfit.kind === "list"
        ? `expected a section with keys, got ${shown(misfit.found, misfit.path)}`
        : unknownKey(misfit.path.at(-1) ?? "", misfit.known);
    report.add(misfit.path, what);
  }
}

function unknownKey(key: string, known: readonly string[]): string {
  const meant = suggestion(key, known);
  if (meant !== "") return `unknown key${meant}`;
  return `unknown key; ${known.length === 0 ? "it has no keys" : `known here: ${known.join(", ")}`}`;
}

/** What a schema found, except unknown keys: those are misfits. */
export function reportIssues(report: Report, issues: readonly v.BaseIssue<unknown>[], path: readonly string[]): void {
  for (const issue of issues) {
    if (issue.type === "strict_object" && issue.expected === "never") continue;
    const at = [...path, ...(issue.path ?? []).map((item) => String(item.key))];
    report.add(at, describe(issue, at));
  }
}

function describe(issue: v.BaseIssue<unknown>, path: readonly string[]): string {
  if (issue.input === undefined) return "required, but not given";
  const own = issue.message.replace(/\s*\n\s*/g, " ");
  const expected = own.startsWith("Invalid ") ? `expected ${issue.expected ?? "another value"}` : own;
  return `${expected}, got ${shown(issue.input, path)}`;
}

/** A value as an error message may show it: short, on one line, and no secret. */
export function shown(value: unknown, path: readonly string[]): string {
  if (path.some(isSecretKey)) return REDACTED;
  const text = JSON.stringify(redact(value as Json)) ?? String(value);
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`;
}
