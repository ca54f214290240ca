/** What this engine is in the election of the swarm's own leader. */
import { type Engine, openEngine } from "../docker/client.ts";
import { EngineError } from "../docker/errors.ts";
import type { DockerOptions } from "../docker/options.ts";
import { type Node, type Role, readNodes, readRole } from "./shapes.ts";

/** `cut off`: it calls itself the leader, but reaches no majority of the managers. */
export type Standing = "outside" | "worker" | "manager" | "leader" | "cut off";

export interface Look {
  readonly standing: Standing;
  /** Whether it is the only manager. */
  readonly isAlone: boolean;
}

export interface Watch {
  /** Rejects with an `EngineError` of one line. */
  look(signal: AbortSignal): Promise<Look>;
  close(): void;
}

/** Without a leader a manager does not answer at all for a while: then it is asked anew, since there may be one now. ms */
const ANSWER_MS = 3_000;

/** Rejects if a TLS file can't be read. */
export async function openWatch(docker: DockerOptions): Promise<Watch> {
  const engine = await openEngine({ ...docker, timeout: Math.min(docker.timeout || ANSWER_MS, ANSWER_MS) });
  /** A manager's role, which is asked for again when its answers say that it may have changed. */
  let held: Extract<Role, { kind: "manager" }> | null = null;

  return {
    async look(signal) {
      const role = held ?? readRole(await engine.info(signal));
      held = role.kind === "manager" ? role : null;
      if (role.kind !== "manager") return { standing: role.kind, isAlone: false };
      try {
        return judge(role.node, await nodesOf(engine, signal));
      } catch (error) {
        held = null;
        throw error;
      }
    },
    close: () => engine.close(),
  };
}

async function nodesOf(engine: Engine, signal: AbortSignal): Promise<readonly Node[]> {
  try {
    return readNodes(await engine.nodes(signal));
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new EngineError(`swarm: no word on who leads: ${error.message}`, { cause: error });
  }
}

function judge(own: string, nodes: readonly Node[]): Look {
  const managers = nodes.flatMap(({ ID, ManagerStatus }) => (ManagerStatus ? [{ id: ID, ...ManagerStatus }] : []));
  const isAlone = managers.length === 1;
  if (managers.find(({ id }) => id === own)?.Leader !== true) return { standing: "manager", isAlone };
  const reached = managers.filter(({ id, Reachability }) => id === own || Reachability === "reachable").length;
  return { standing: 2 * reached > managers.length ? "leader" : "cut off", isAlone };
}
