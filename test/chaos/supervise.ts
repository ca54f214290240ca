/** What an init system does: an engine that has ended by itself is started again (20.10.24 panics at times when it loses its majority). */
import { engineApi } from "../lab/docker-api.ts";
import type { Place } from "./stage.ts";

/** Long enough for an engine that is busy, ms. */
const PATIENCE_MS = 5_000;

/** Starts the engines that do not run, though they have power. @returns the numbers of their nodes */
export async function startDeadEngines(places: readonly Place[]): Promise<readonly number[]> {
  const started = places.map(async (place) => ((await answers(place)) || !(await starts(place)) ? [] : [place.number]));
  return (await Promise.all(started)).flat();
}

async function answers({ node }: Place): Promise<boolean> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  return await engineApi(node.socket, { path: "/_ping", signal }).then(
    () => true,
    () => false,
  );
}

/** Does nothing to an engine that runs and is only slow: the lab refuses to start it twice. */
async function starts({ node }: Place): Promise<boolean> {
  return await node.startDaemon().then(
    () => true,
    () => false,
  );
}
