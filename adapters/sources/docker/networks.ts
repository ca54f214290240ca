import type { Logger } from "../../../src/model.ts";
import type { Engine } from "./client.ts";
import { type Inspect, type NetworkKind, readNetworks } from "./inspect.ts";
import { guessKind, unknownNetworks } from "./network.ts";

/** The engine's networks: what an address is good for depends on the driver, which inspect does not tell. */
export interface Networks {
  /** Reads them anew. Rejects if the engine does not tell. */
  learn(): Promise<void>;
  /** The kinds of those that this container is on, asked for if they are new. Never rejects: what can't be had is guessed. */
  of(inspect: Inspect): Promise<ReadonlyMap<string, NetworkKind>>;
}

export function createNetworks(engine: Engine, log: Logger, signal: AbortSignal): Networks {
  let kinds: ReadonlyMap<string, NetworkKind> = new Map();
  let learning: Promise<void> | null = null;

  return { learn, of };

  function learn(): Promise<void> {
    learning ??= read().finally(() => {
      learning = null;
    });
    return learning;
  }

  async function read(): Promise<void> {
    kinds = readNetworks(await engine.networks(signal));
  }

  async function of(inspect: Inspect): Promise<ReadonlyMap<string, NetworkKind>> {
    if (unknownNetworks(inspect, kinds).length === 0) return kinds;
    try {
      // One that was asked for before may not know a network made since.
      if (learning !== null) await learning;
      if (unknownNetworks(inspect, kinds).length > 0) await learn();
    } catch (error) {
      if (!signal.aborted) log.debug({ err: error }, "docker networks not read, their kinds are guessed");
    }
    const guesses = unknownNetworks(inspect, kinds).map((id) => [id, guessKind(id)] as const);
    kinds = new Map([...kinds, ...guesses]);
    return kinds;
  }
}
