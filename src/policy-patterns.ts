/**
 * Patterns of `policy.claims`: `*` stands for any text, a leading `!` for what is not allowed. Pure, and never slower than
 * the product of the two lengths: what they are compared with is written by whoever may start a container.
 */

/** What a claim reaches, as far as patterns are concerned. */
export interface Claim {
  /** What of it must lie within an allowed pattern, wholly; any of these forms will do. */
  readonly within: readonly string[];
  /** What of it must not even touch a forbidden pattern; `*` stands for any text. */
  readonly reach: readonly string[];
}

/** A name that means itself alone, in any case. */
export function nameClaim(...forms: readonly string[]): Claim {
  const lower = forms.map((form) => form.toLowerCase());
  return { within: lower, reach: lower.map(literal) };
}

/** A route's host; its own `*` is a wildcard; null: the route is for every host. */
export function hostClaim(host: string | null): Claim {
  const name = (host ?? "*").toLowerCase();
  return { within: [name], reach: [name] };
}

/**
 * A route's path, which catches all that begins with it; null: the route is for every path. Judged as the gateways read it,
 * so that `/shop/../admin` and `/%61dmin` are both `/admin`.
 */
export function pathClaim(path: string | null): Claim {
  const plain = normalised(path ?? "/");
  return { within: [plain], reach: [`${literal(plain)}*`] };
}

/** @returns whether it may be claimed: all of it is within a pattern (if any allows), and none of it touches a forbidden one */
export function isAllowed({ within, reach }: Claim, patterns: readonly string[]): boolean {
  const forbidden = patterns.filter((pattern) => pattern.startsWith("!")).map((pattern) => pattern.slice(1));
  if (forbidden.some((pattern) => reach.some((each) => formsOf(pattern).some((form) => overlap(form, each)))))
    return false;
  const allowed = patterns.filter((pattern) => !pattern.startsWith("!"));
  if (allowed.length === 0) return forbidden.length > 0;
  return allowed.some((pattern) =>
    within.some((each) => formsOf(pattern).some((form) => overlap(form, literal(each)))),
  );
}

/** A path's pattern means what is below it as well; others begin with no slash. */
function formsOf(pattern: string): readonly string[] {
  return pattern.startsWith("/") ? [pattern, `${pattern.replace(/\/+$/, "")}/*`] : [pattern.toLowerCase()];
}

/** A `*` of the text itself: only a pattern's `*` has room for it. */
function literal(text: string): string {
  return text.replaceAll("*", "\0");
}

function normalised(path: string): string {
  const decoded = path.replace(/%[0-9a-f]{2}/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)));
  const kept: string[] = [];
  const segments = decoded.split(/[/\\]+/).slice(1);
  for (const segment of segments) {
    if (segment === "..") kept.pop();
    else if (segment !== ".") kept.push(segment);
  }
  return `/${kept.join("/")}`;
}

/** Whether there is a text that both stand for. */
function overlap(a: string, b: string): boolean {
  /** By place in b: whether the rest of a, from one place on, and the rest of b can be the same. */
  let below: boolean[] = [];
  for (let i = a.length; i >= 0; i--) {
    const row: boolean[] = [];
    for (let j = b.length; j >= 0; j--) {
      const [down, right, both] = [below[j] === true, row[j + 1] === true, below[j + 1] === true];
      row[j] = meets(a[i], b[j], down, right, both);
    }
    below = row;
  }
  return below[0] === true;
}

/** A `*` ends here, or takes one more of the other's characters. */
function meets(a: string | undefined, b: string | undefined, down: boolean, right: boolean, both: boolean): boolean {
  if (a === "*" || b === "*") return (a !== undefined && down) || (b !== undefined && right);
  return a === b && (a === undefined || both);
}
