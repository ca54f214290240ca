/** Lists that come in pages: all of them, or an error. A list that does not end is no list. */
import { RequestError } from "../../failure.ts";

interface Page<T> {
  readonly items: readonly T[];
  /** Where the next one begins; absent or empty: this is the last. */
  readonly next: string | undefined;
}

/** Of at most 400 items each: more than an account may have of anything here (facts/alb.md §1). */
const MAX_PAGES = 1000;

/** @param action for the error, e.g. `DescribeRules` */
export async function allPages<T>(
  action: string,
  read: (marker: string | undefined) => Promise<Page<T>>,
): Promise<readonly T[]> {
  const found: T[] = [];
  let marker: string | undefined;
  for (let page = 1; page <= MAX_PAGES; page++) {
    const { items, next } = await read(marker);
    found.push(...items);
    if (next === undefined || next === "") return found;
    if (next === marker) break;
    marker = next;
  }
  throw new RequestError(`${action}: the list does not end`, { retry: true, ambiguous: false });
}
