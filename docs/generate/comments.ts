/** The comments on the keys of a schema, read from its source: what a schema is to people is written beside it. Pure. */

export interface KeyComment {
  /** One line. */
  readonly text: string;
  /** What `@default` says; null: nothing. */
  readonly default: string | null;
}

/**
 * Of the schema that is exported as `name`: path of each key, joined by `.`, to its comment.
 * Goes by indentation, which the formatter keeps.
 */
export function commentsOf(source: string, name: string): ReadonlyMap<string, KeyComment> {
  const start = source.indexOf(`export const ${name} =`);
  if (start < 0) throw new Error(`there is no export const ${name}`);
  const end = source.indexOf("\n)", start);
  const lines = source.slice(
    start,
    end < 0 ? source.indexOf("\n}", start) : Math.max(end, source.indexOf("\n}", start)),
  );
  const comments = new Map<string, KeyComment>();
  const open: { readonly indent: number; readonly key: string }[] = [];
  const pattern = /(?:^( *)\/\*\*([\s\S]*?)\*\/\n)?^( +)(\w+)(?:: |,$)/gm;
  for (const [, , comment, indent = "", key = ""] of lines.matchAll(pattern)) {
    while ((open.at(-1)?.indent ?? -1) >= indent.length) open.pop();
    open.push({ indent: indent.length, key });
    if (comment !== undefined) comments.set(open.map((each) => each.key).join("."), read(comment));
  }
  return comments;
}

function read(comment: string): KeyComment {
  const text = comment
    .replace(/^\s*\* ?/gm, "")
    .replace(/\s+/g, " ")
    .trim();
  const [before = "", after] = text.split(/@default /);
  return { text: forUsers(before), default: after?.trim() ?? null };
}

/** Without what only concerns whoever reads the code: where a fact is from, the unit after parsing. */
function forUsers(text: string): string {
  return text
    .replace(/\s*\((?:facts|src)\/[^)]*\)/g, "")
    .replace(/, ms(?=[.;])/g, "")
    .trim();
}
