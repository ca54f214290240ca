/** What the steps of a story have in common: choosing what they are done to, and ending by themselves. */
import type { Cluster } from "./cluster.ts";
import type { Node, Task } from "./reality.ts";
import type { Step } from "./story.ts";
import type { SourceName } from "./weather.ts";

/** Carries one step out. @returns what it did, in words; null: there was nothing that it could be done to */
export type Act = (step: Step) => string | null;

export interface Stage {
  readonly cluster: Cluster;
  /** Something that is wrong for a while, or until all is healed. @returns for how long, in words */
  during(step: Step, key: string, begin: () => void, end: () => void): string;
  node(step: Step): Node;
  running(): readonly Task[];
  /** The connections of a node's Muster to the source are broken. */
  cutSources(at: Node, name: SourceName): void;
  heal(): void;
}

export function createStage(cluster: Cluster): Stage {
  const { machine, reality, troubles, lives } = cluster;
  const endings = new Set<() => void>();
  return {
    cluster,
    during({ lasts }, key, begin, end) {
      const over = troubles.begin(key);
      begin();
      const finish = () => {
        if (!endings.delete(finish)) return;
        end();
        over();
      };
      endings.add(finish);
      machine.after(lasts, null, "heals", finish);
      return `for ${seconds(lasts)}`;
    },
    node: ({ a }) => pick(reality.nodes, a) as Node,
    running: () => reality.tasks.filter(({ state }) => state === "running"),
    cutSources(at, name) {
      for (const [key, source] of lives.get(at)?.sources ?? []) if (key.endsWith(name)) source.cut();
    },
    heal() {
      for (const end of [...endings]) end();
    },
  };
}

/** @param share in [0, 1) */
export function pick<T>(all: readonly T[], share: number): T | undefined {
  return all[Math.floor(share * all.length)];
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

export function letter({ id }: Pick<Node, "id">): string {
  return id.charAt(0);
}
