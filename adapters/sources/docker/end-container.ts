/** The last act of the stop-signal gate: the signal that ends a container which was told to stop, and ignored it. */
import { openEngine } from "./client.ts";
import { type Container, stopSignalOf } from "./container.ts";
import { EngineError } from "./errors.ts";
import type { Snapshot } from "./facts.ts";
import { stopOf, wasSent } from "./kills.ts";
import type { DockerOptions } from "./options.ts";
import { signalNumber } from "./signals.ts";

const KILL = 9;
const TERM = 15;

/** Not running, or not there: as wanted. */
const ENDED: readonly (number | null)[] = [404, 409];
/** Of an engine's proxy that only lets reads through. */
const FORBIDDEN: readonly (number | null)[] = [401, 403, 405];

/**
 * See `Source.endTask`.
 * @param container one that was told to stop
 */
export async function endContainer(
  container: Container,
  name: string,
  options: DockerOptions,
  abort: AbortSignal,
): Promise<string | null> {
  // It ends by itself.
  if (stopOf(container)?.signal === KILL) return null;
  const number = signalNumber(name);
  if ((stopSignalOf(container) ?? TERM) === number) return pointless(name);
  // By an earlier Muster, or by hand: it is on its way, and some programs take a second one for haste.
  if (wasSent(container, number)) return null;
  const engine = await openEngine(options);
  try {
    await engine.kill(container.id, name, abort);
    return null;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    if (ENDED.includes(error.status)) return null;
    if (!FORBIDDEN.includes(error.status)) throw error;
    return `${error.message}; the stop gate needs POST /containers/{id}/kill (docs/alb.md)`;
  } finally {
    engine.close();
  }
}

/** What is wrong with a container's own gate, told when it starts; null if nothing is, or it has none. */
export function gateFault({ stopSignal, defined }: Snapshot): string | null {
  const name = (defined.labels["muster.stop-gate"] ?? "")
    .trim()
    .toUpperCase()
    .replace(/^(SIG)?/, "SIG");
  return name !== "SIG" && signalNumber(name) === (stopSignal ?? TERM)
    ? `has a stop gate, but ${pointless(name)}`
    : null;
}

function pointless(name: string): string {
  return `its stop signal is ${name} as well, so that it ends before it is out of service: set its stop signal to SIGURG`;
}
