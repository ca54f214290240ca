/** The patterns of `policy.claims`, as the configuration takes them. */
import * as v from "valibot";

/** One kind of pattern: its grammar, beside `*` and a leading `!`, and what to say of anything else. */
function patterns(grammar: RegExp, expected: string) {
  const message = `expected a list of patterns such as ${expected}; \`*\` is any text, a leading \`!\` forbids`;
  return v.optional(
    v.pipe(
      v.array(v.pipe(v.string(message), v.maxLength(300, message), v.regex(grammar, message)), message),
      v.maxLength(1000, "expected at most 1000 patterns"),
    ),
  );
}

export const servicePatterns = patterns(/^!?[\w*-]+$/, "`shop-*`");
export const hostPatterns = patterns(/^!?[\w*.-]+$/, "`shop.example.com` or `*.shop.example.com`");
export const pathPatterns = patterns(/^!?(?:\*|\/[!-~]*)$/, "`/shop`, which means all below it as well");
export const targetGroupPatterns = patterns(/^!?[\w*.:/-]+$/, "`shop-*`");
export const sourcePatterns = patterns(/^!?[\w*.-]+$/, "`docker`");
export const imagePatterns = patterns(/^!?[\w*.:/@+-]+$/, "`registry.example.com/shop/*`");
/** Only what names a kind of app that labels can't make up. */
export const appPatterns = patterns(
  /^!?(?!compose:|image:)[a-z][a-z0-9-]*:[!-~]+$/,
  "`swarm:shop_*`, `marathon:/shop/*` or `static:db` (compose projects are told by labels, which anybody may write: use image)",
);

interface Rule {
  readonly who?: object | undefined;
}

/** Refuses rules that can't count, as an earlier one is for everybody. */
export function allReachable<T extends Rule>() {
  return v.rawCheck<T[]>(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const rules = dataset.value;
    const everybodys = rules.findIndex(({ who = {} }) => Object.values(who).every((part) => part === undefined));
    const key = everybodys + 1;
    if (everybodys < 0 || key === rules.length) return;
    addIssue({
      message: `never counts, since policy.claims.${everybodys} before it is for everybody (it has no who) and the first that fits counts; put that one last`,
      path: [{ type: "array", origin: "value", input: rules, key, value: rules[key] }],
    });
  });
}
