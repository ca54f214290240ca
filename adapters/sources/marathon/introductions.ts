/** The definitions and nodes that facts refer to: each is said once in a listing, before what refers to it. */
import type { Content } from "../stamps.ts";
import type { Definitions } from "./definitions.ts";
import { definedFact, definitionKey, type Naming, nodeOf } from "./facts.ts";
import type { Definition } from "./shapes.ts";
import type { Task } from "./task.ts";

export interface Introductions {
  /** Its node and its definition (null: not known yet), as far as they have not been said. */
  ofTask(task: Task, definition: Definition | null): readonly Content[];
  /** An app's or pod's definitions, as far as they have not been said as what they are now: current or not. */
  of(definitions: readonly Definition[]): readonly Content[];
  /** The same, but only of those that have been said. */
  again(definitions: readonly Definition[]): readonly Content[];
  /** A listing begins: nothing counts as said. */
  reset(naming: Naming): void;
}

export function createIntroductions({ isCurrent }: Pick<Definitions, "isCurrent">, initial: Naming): Introductions {
  let naming = initial;
  const nodes = new Set<string>();
  /** Definition key → whether it was said to be current. */
  const said = new Map<string, boolean>();

  return {
    ofTask(task, definition) {
      const node = nodeOf(task);
      const contents: Content[] = [];
      if (node !== null && !nodes.has(node)) contents.push({ kind: "node", node, address: task.host, state: "up" });
      if (node !== null) nodes.add(node);
      return definition === null ? contents : [...contents, ...of([definition])];
    },
    of,
    again: (definitions) => of(definitions.filter((definition) => said.has(keyOf(definition)))),
    reset(next) {
      naming = next;
      nodes.clear();
      said.clear();
    },
  };

  function of(definitions: readonly Definition[]): readonly Content[] {
    return definitions.flatMap((definition) => {
      const standing = isCurrent(definition);
      if (said.get(keyOf(definition)) === standing) return [];
      said.set(keyOf(definition), standing);
      return [definedFact(definition, naming, standing)];
    });
  }

  function keyOf({ app, container, version }: Definition): string {
    return definitionKey(naming.framework, app, container, version);
  }
}
