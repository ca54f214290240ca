import PQueue from "p-queue";

/**
 * Calls for every item, at most `concurrency` at a time; what waits for its turn is not begun after a failure.
 * @returns the results in the order of `items`
 */
export async function inParallel<Item, Result>(
  items: Iterable<Item>,
  concurrency: number,
  call: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const queue = new PQueue({ concurrency });
  try {
    return await queue.addAll([...items].map((item) => () => call(item)));
  } finally {
    queue.clear();
  }
}
