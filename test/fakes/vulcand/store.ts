/** What Vulcand keeps in etcd, as far as its API shows it: keys below the prefix, values as text, life times. */

export interface Store {
  get(key: string): string | undefined;
  /** @param ttl ms; null: it stays */
  set(key: string, value: string, ttl: number | null): void;
  /** Gives a directory and all in it a life time, which later writes into it do not end (etcd v2). */
  expire(directory: string, ttl: number): void;
  /** etcd v2: exactly this key or directory. v3: every key that begins so. @returns whether there was any */
  remove(path: string): boolean;
  /** The names right below a directory, sorted. */
  names(directory: string): readonly string[];
  /** Everything, by key. */
  dump(): Readonly<Record<string, string>>;
  /** Counts every change: expiry as well. */
  readonly revision: number;
}

interface Held {
  readonly value: string;
  /** ms since the epoch; null: never. */
  readonly until: number | null;
}

export function createStore({ now, deletesByPrefix }: { now: () => number; deletesByPrefix: boolean }): Store {
  const keys = new Map<string, Held>();
  const directories = new Map<string, number>();
  let revision = 1;
  /** When the next thing runs out; before that, there is nothing to look for. */
  let next = Number.POSITIVE_INFINITY;

  function purge(): void {
    const time = now();
    if (time < next) return;
    const over = [...directories].filter(([, until]) => until <= time).map(([directory]) => directory);
    for (const [key, { until }] of keys) {
      const isOver = (until !== null && until <= time) || over.some((directory) => isBelow(key, directory));
      if (isOver) drop(key);
    }
    for (const directory of over) directories.delete(directory);
    next = Math.min(
      ...directories.values(),
      ...[...keys.values()].map(({ until }) => until ?? Number.POSITIVE_INFINITY),
    );
  }

  function drop(key: string): void {
    keys.delete(key);
    revision += 1;
  }

  return {
    get(key) {
      purge();
      return keys.get(key)?.value;
    },
    set(key, value, ttl) {
      purge();
      keys.set(key, { value, until: ttl === null ? null : now() + ttl });
      if (ttl !== null) next = Math.min(next, now() + ttl);
      revision += 1;
    },
    expire(directory, ttl) {
      directories.set(directory, now() + ttl);
      next = Math.min(next, now() + ttl);
    },
    remove(path) {
      purge();
      const doomed = [...keys.keys()].filter((key) =>
        deletesByPrefix ? key.startsWith(path) : key === path || isBelow(key, path),
      );
      for (const key of doomed) drop(key);
      directories.delete(path);
      return doomed.length > 0;
    },
    names(directory) {
      purge();
      const below = [...keys.keys()].filter((key) => isBelow(key, directory));
      return [...new Set(below.map((key) => key.slice(directory.length + 1).split("/")[0] ?? ""))].sort(byText);
    },
    dump() {
      purge();
      return Object.fromEntries([...keys].map(([key, { value }]) => [key, value]));
    },
    get revision() {
      purge();
      return revision;
    },
  };
}

function isBelow(key: string, directory: string): boolean {
  return key.startsWith(`${directory}/`);
}

function byText(a: string, b: string): number {
  return a < b ? -1 : 1;
}
