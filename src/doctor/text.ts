/** An examination as a person reads it: one line a finding, with its fix. Pure. */
import type { Style } from "../explain/text.ts";
import type { Finding } from "../model.ts";
import type { Examination } from "./examine.ts";

const MARKS: Readonly<Record<Finding["level"], string>> = { ok: "ok", warning: "warning", problem: "PROBLEM" };
const MARK_WIDTH = 7;

export function examinationText({ system, findings }: Examination, style: DoctorStyle): string {
  const lines = findings.map(({ what, level, text, fix }) => {
    const mark = style.level(level, MARKS[level].padEnd(MARK_WIDTH));
    const remedy = fix === null ? "" : `; fix: ${style.clean(fix)}`;
    return `  ${mark}  ${style.clean(what)}: ${style.clean(text)}${remedy}\n`;
  });
  return `${style.strong(style.clean(system))}\n${lines.join("")}`;
}

export interface DoctorStyle extends Pick<Style, "strong" | "clean"> {
  level(level: Finding["level"], text: string): string;
}

export function verdict(examinations: readonly Examination[]): string {
  const all = examinations.flatMap(({ findings }) => findings);
  const count = (level: Finding["level"]) => all.filter((each) => each.level === level).length;
  const problems = count("problem");
  const warnings = count("warning");
  if (problems + warnings === 0) return "all is well";
  return `${problems} ${problems === 1 ? "problem" : "problems"}, ${warnings} ${warnings === 1 ? "warning" : "warnings"}`;
}
