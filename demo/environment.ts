import { lookup } from "node:dns/promises";
import { type ConsulHost, consulHost, type DockerHost, dockerHost } from "../test/lab/host.ts";
import type { Screen } from "./screen.ts";

/** What the demo runs on; null where it can't be had. To be disposed of. */
export interface Servers {
  readonly engine: DockerHost | null;
  readonly consul: ConsulHost | null;
}

/** Takes the servers that are there, or starts some. What can't be had is said. On abort it resolves as well. */
export async function findServers(screen: Screen, signal: AbortSignal): Promise<Servers> {
  screen.say("Looking for a Docker engine and Consul; what is missing is started (the first time: some 10 s more) …");
  const [engine, consul] = await Promise.allSettled([dockerHost({ images: false, signal }), consulHost({ signal })]);
  const report = signal.aborted ? () => {} : screen.problem;
  return {
    engine: unlessMissing(engine, "No Docker engine can be had", report),
    consul: unlessMissing(consul, "No Consul can be had", report),
  };
}

/** Takes the Consul that is there, or starts one; null, and said, where it can't be had. On abort it resolves as well. */
export async function findConsul(screen: Screen, signal: AbortSignal): Promise<ConsulHost | null> {
  screen.say("Looking for Consul; if it is missing it is started …");
  const [consul] = await Promise.allSettled([consulHost({ signal })]);
  return unlessMissing(consul, "No Consul can be had", signal.aborted ? () => {} : screen.problem);
}

function unlessMissing<T>(result: PromiseSettledResult<T>, what: string, report: (text: string) => void): T | null {
  if (result.status === "fulfilled") return result.value;
  report(`${what}: ${messageOf(result.reason).replace(/^lab: /, "")}`);
  return null;
}

/** The IP address at which an engine's published ports answer to us. */
export async function addressOf({ address }: DockerHost): Promise<string> {
  return (await lookup(address, 4)).address;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
