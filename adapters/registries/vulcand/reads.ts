/** Reads that the changes of one batch share, so that fifty deletions don't list everything fifty times. */
import type { Backend, Frontend, Host, Listener, Server } from "./answers.ts";
import type { VulcandClient } from "./client.ts";

export interface Reads {
  hosts(): Promise<readonly Host[]>;
  listeners(): Promise<readonly Listener[]>;
  backends(): Promise<readonly Backend[]>;
  frontends(): Promise<readonly Frontend[]>;
  servers(backend: string): Promise<readonly Server[]>;
}

/** One for the changes of one kind and rank, which run side by side: what comes before them has been done by then. */
export function createReads(client: VulcandClient, signal: AbortSignal): Reads {
  const held = new Map<string, Promise<unknown>>();

  function once<T>(what: string, read: () => Promise<T>): Promise<T> {
    const known = held.get(what) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const made = read();
    held.set(what, made);
    return made;
  }

  return {
    hosts: () => once("hosts", () => client.hosts(signal)),
    listeners: () => once("listeners", () => client.listeners(signal)),
    backends: () => once("backends", () => client.backends(signal)),
    frontends: () => once("frontends", () => client.frontends(signal)),
    servers: (backend) => once(`servers of ${backend}`, () => client.servers(backend, signal)),
  };
}
