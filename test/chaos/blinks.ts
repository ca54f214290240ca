/** Entries of what lives that were gone for a while: pure, from looks at the engines and the registries a moment apart. */
import type { RegistryName } from "./fault.ts";

/** What was seen at one moment, ms by a steady clock. */
export interface Look {
  readonly at: number;
  /** `task address:port` of what runs, by node; absent: its engine did not answer. */
  readonly running: ReadonlyMap<number, ReadonlySet<string>>;
  /** `address:port` that have an entry; absent: the registry could not be read, or all is excused. */
  readonly held: ReadonlyMap<RegistryName, ReadonlySet<string>>;
  /** Nodes and `node registry` whose entries may go now: a dead node's, those without heart-beats. */
  readonly excused: ReadonlySet<string>;
}

/** An entry of something that lives was there, and then not. */
export interface Blink {
  readonly registry: RegistryName;
  readonly endpoint: string;
  readonly at: number;
}

export interface BlinkOptions {
  /** What runs for so long after its entry has gone was not about to end, ms: 3 s pass between the order and the signal, then the program's own end. */
  readonly graceMs: number;
}

/** @param looks in the order of time */
export function blinksIn(looks: readonly Look[], { graceMs }: BlinkOptions): readonly Blink[] {
  return looks.flatMap((look, index) => {
    const before = looks[index - 1];
    if (before === undefined) return [];
    return [...look.held].flatMap(([registry, held]) =>
      [...(before.held.get(registry) ?? [])]
        .filter((endpoint) => !held.has(endpoint) && livesOn(endpoint, registry, looks, index, graceMs))
        .map((endpoint): Blink => ({ registry, endpoint, at: look.at })),
    );
  });
}

/** Whether the same task has the endpoint in every look from the one before to the grace's end, none of them excused. */
function livesOn(
  endpoint: string,
  registry: RegistryName,
  looks: readonly Look[],
  index: number,
  graceMs: number,
): boolean {
  const from = looks[index - 1];
  const owner = from && ownerOf(endpoint, from);
  if (owner === undefined) return false;
  const end = (looks[index]?.at ?? 0) + graceMs;
  const later = looks.slice(index - 1).filter(({ at }) => at <= end);
  if ((looks.at(-1)?.at ?? 0) < end) return false;
  return later.every(({ running, excused }) => {
    if (excused.has(`${owner.node}`) || excused.has(`${owner.node} ${registry}`)) return false;
    return running.get(owner.node)?.has(owner.line) === true;
  });
}

function ownerOf(endpoint: string, { running }: Look): { readonly node: number; readonly line: string } | undefined {
  for (const [node, lines] of running) {
    for (const line of lines) if (line.endsWith(` ${endpoint}`)) return { node, line };
  }
  return undefined;
}
