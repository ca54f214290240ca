/** Markdown for the references. Pure. */

const NOTE = "<!-- Made by `npm run docs` from the code; a test holds it against it. Change the code, not this. -->";

export function page(title: string, introduction: string, sections: readonly string[]): string {
  return [`# ${title}`, NOTE, introduction, ...sections].map((part) => `${part.trim()}\n`).join("\n");
}

export function section(title: string, ...parts: readonly string[]): string {
  return [`## ${title}`, ...parts.filter((part) => part !== "")].join("\n\n");
}

/** The first row is the heading. */
export function table(rows: readonly (readonly string[])[]): string {
  const [heading = [], ...rest] = rows.map((row) => row.map(cell));
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(heading), line(heading.map(() => "---")), ...rest.map(line)].join("\n");
}

export function code(text: string): string {
  return text === "" ? "" : `\`${text}\``;
}

function cell(text: string): string {
  return text.replace(/\s+/g, " ").replaceAll("|", "\\|").trim();
}
