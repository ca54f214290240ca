/** What is to be done later, in order of time and, at one time, in order of entry: a binary heap. */
export interface Agenda {
  /** @param due ms since the epoch */
  add(due: number, step: () => void): void;
  /** Takes out the next step that is due at `now`; undefined: none is. */
  take(now: number): (() => void) | undefined;
  /** When the next step is due; undefined: there is none. */
  next(): number | undefined;
}

interface Entry {
  readonly due: number;
  readonly order: number;
  readonly step: () => void;
}

export function createAgenda(): Agenda {
  const heap: Entry[] = [];
  let added = 0;

  const before = (a: Entry, b: Entry): boolean => a.due < b.due || (a.due === b.due && a.order < b.order);

  function swap(i: number, j: number): void {
    const [a, b] = [heap[i], heap[j]];
    if (a === undefined || b === undefined) return;
    heap[i] = b;
    heap[j] = a;
  }
  function isBefore(i: number, j: number): boolean {
    const [a, b] = [heap[i], heap[j]];
    return a !== undefined && b !== undefined && before(a, b);
  }
  function rise(from: number): void {
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(index, parent)) return;
      swap(index, parent);
      index = parent;
    }
  }
  function sink(): void {
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const child = isBefore(left + 1, left) ? left + 1 : left;
      if (!isBefore(child, index)) return;
      swap(index, child);
      index = child;
    }
  }

  return {
    add(due, step) {
      heap.push({ due, order: added++, step });
      rise(heap.length - 1);
    },
    next: () => heap[0]?.due,
    take(now) {
      const first = heap[0];
      if (first === undefined || first.due > now) return undefined;
      swap(0, heap.length - 1);
      heap.pop();
      sink();
      return first.step;
    },
  };
}
