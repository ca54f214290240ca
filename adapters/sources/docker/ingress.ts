/**
 * The ports that Swarm's routing mesh publishes for a service. A worker's inspect does not have them, but the nodes' gossip
 * has: `GET /networks/{ingress}?verbose=true` (facts/docker-swarm.md, What a worker can learn). It lags behind, so that it
 * is asked again for a while after a container has started, and containers of which it says something new are inspected
 * again. Only ever asked beside the event stream.
 */
import * as v from "valibot";
import type { IngressPort, Logger, Protocol } from "../../../src/model.ts";
import { pause } from "../waiting.ts";
import type { Engine } from "./client.ts";
import type { Container } from "./container.ts";
import type { Inspect, NetworkKind } from "./inspect.ts";

export interface Ingress {
  /**
   * What is known of its service's ports; waits for them a little if nothing is. Never rejects.
   * @returns null for a container that is not on the mesh
   */
  of(
    container: Container,
    inspect: Inspect,
    kinds: ReadonlyMap<string, NetworkKind>,
  ): Promise<readonly IngressPort[] | null>;
}

export interface IngressOptions {
  readonly engine: Engine;
  readonly log: Logger;
  /** Whether it is of no more interest. */
  isOver(container: Container): boolean;
  /** Something new is known of its service. */
  onNews(container: Container): void;
}

interface User {
  readonly container: Container;
  readonly service: string;
  readonly inspect: Inspect;
  readonly said: string;
}

/** How long a first answer is waited for, ms. */
const FIRST_MS = 500;
/** When the gossip is asked again after something has started, ms from one to the next. */
const AGAIN_MS: readonly number[] = [250, 750, 3_000, 10_000];

export function createIngress({ engine, log, isOver, onNews }: IngressOptions, signal: AbortSignal): Ingress {
  /** Service name → its ports in the engine's words. */
  let table: ReadonlyMap<string, readonly string[]> = new Map();
  const users = new Map<string, User>();
  let network = "";
  let reading: Promise<void> | null = null;
  let step = AGAIN_MS.length;

  return {
    async of(container, inspect, kinds) {
      const id = meshOf(inspect, kinds);
      const service = inspect.Config.Labels["com.docker.swarm.service.name"] ?? "";
      if (id === null || service === "") return null;
      network = id;
      const isNew = !users.has(container.id);
      if (!table.has(service)) await Promise.race([read(), pause(FIRST_MS, signal)]);
      const ports = portsOf(table.get(service) ?? [], inspect);
      users.set(container.id, { container, service, inspect, said: JSON.stringify(ports) });
      if (isNew) again();
      return ports;
    },
  };

  function read(): Promise<void> {
    reading ??= ask().finally(() => {
      reading = null;
    });
    return reading;
  }

  async function ask(): Promise<void> {
    try {
      const heard = readServices(await engine.network(network, signal));
      // Gossip may lose sight of a service for a moment; while a task of it runs here, it is still there.
      const used = new Set([...users.values()].map(({ service }) => service));
      table = new Map([...[...table].filter(([service]) => used.has(service)), ...heard]);
    } catch (error) {
      if (!signal.aborted) log.debug({ err: error }, "mesh ports not read");
    }
  }

  /** Starts over with the first of the repeated looks; one series at a time. */
  function again(): void {
    const isRunning = step < AGAIN_MS.length;
    step = 0;
    if (!isRunning) void lookAgain();
  }

  async function lookAgain(): Promise<void> {
    for (; step < AGAIN_MS.length && !signal.aborted; ) {
      const ms = AGAIN_MS[step] ?? 0;
      step += 1;
      await pause(ms, signal);
      if (signal.aborted) return;
      await read();
      for (const user of users.values()) compare(user);
    }
  }

  function compare({ container, service, inspect, said }: User): void {
    if (isOver(container)) users.delete(container.id);
    else if (JSON.stringify(portsOf(table.get(service) ?? [], inspect)) !== said) onNews(container);
  }
}

/** Id of the mesh's network, if the container is on it. */
function meshOf({ NetworkSettings }: Inspect, kinds: ReadonlyMap<string, NetworkKind>): string | null {
  for (const [name, { NetworkID }] of Object.entries(NetworkSettings.Networks))
    if (NetworkID !== "" && (kinds.get(NetworkID) === "ingress" || name === "ingress")) return NetworkID;
  return null;
}

const Verbose = v.object({
  Services: v.nullish(v.record(v.string(), v.object({ Ports: v.nullish(v.array(v.string()), []) })), {}),
});

function readServices(json: unknown): readonly (readonly [string, readonly string[]])[] {
  const { Services } = v.parse(Verbose, json);
  return Object.entries(Services).map(([name, { Ports }]) => [name, Ports] as const);
}

/** `Target: 8080, Publish: 8081` does not tell the protocol: it is the one under which the container exposes that port. */
function portsOf(texts: readonly string[], inspect: Inspect): readonly IngressPort[] {
  return [...new Set(texts)].flatMap((text) => {
    const match = /^Target: (\d{1,5}), Publish: (\d{1,5})$/.exec(text);
    const containerPort = Number(match?.[1] ?? 0);
    const hostPort = Number(match?.[2] ?? 0);
    if (!isPort(containerPort) || !isPort(hostPort)) return [];
    const count = texts.filter((other) => other === text).length;
    return protocolsOf(containerPort, inspect)
      .slice(0, count)
      .map((protocol) => ({ containerPort, hostPort, protocol }));
  });
}

/** The engine lists a mesh port among the container's, without a binding. tcp first, and where nothing is exposed. */
function protocolsOf(port: number, { Config, NetworkSettings }: Inspect): readonly Protocol[] {
  const keys = [...Object.keys(NetworkSettings.Ports), ...Object.keys(Config.ExposedPorts)];
  const exposed = (["tcp", "udp", "sctp"] as const).filter((protocol) => keys.includes(`${port}/${protocol}`));
  return exposed.length > 0 ? exposed : ["tcp"];
}

function isPort(number: number): boolean {
  return number > 0 && number <= 65_535;
}
