/** Musters' swarm parts on the nodes of the lab's swarm, each with the project's own endpoint for the others. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import * as v from "valibot";
import { DockerOptions } from "../../adapters/sources/docker/options.ts";
import { openSwarm, type Swarm, type SwarmLimits } from "../../adapters/sources/swarm/index.ts";
import { SwarmOptions } from "../../adapters/sources/swarm/options.ts";
import { facts } from "../../src/http/facts.ts";
import type { AdapterContext, Fact, NodeIdentity } from "../../src/model.ts";
import { freePorts } from "../lab/ports.ts";
import { createMemoryLog, type MemoryLog } from "../watch-source.ts";

/** The swarm's part of one Muster. */
export interface Part extends AsyncDisposable {
  readonly swarm: Swarm;
  /** Where it serves its facts. */
  readonly url: string;
  readonly log: MemoryLog;
  /** Requests that it has been sent. */
  hits(): number;
  /** Its API is gone, with all connections. */
  stopServing(): Promise<void>;
}

export interface PartOptions {
  /** Path of the engine's socket. */
  readonly socket: string;
  readonly node?: NodeIdentity;
  readonly managers?: readonly string[];
  /** null: none. @default the one that all share */
  readonly secret?: string | null;
  readonly context?: Partial<AdapterContext>;
  readonly limits?: Partial<SwarmLimits>;
}

export const SECRET = "all-musters-know-it";
const NODE = { id: "node-of-the-test", address: "127.0.0.1" };

export async function openPart(options: PartOptions): Promise<Part> {
  const { socket, node = NODE, managers, secret = SECRET } = options;
  const folder = await mkdtemp(join(tmpdir(), "muster-swarm-"));
  const secretFile = join(folder, "secret");
  if (secret !== null) await writeFile(secretFile, `${secret}\n`);
  const log = createMemoryLog();
  const [port = 0] = await freePorts(1);
  const context: AdapterContext = {
    ...{ name: "swarm", cluster: "default", node, resync: 0, log, now: Date.now, random: Math.random },
    ...options.context,
  };
  const settings = {
    swarm: v.parse(SwarmOptions, {
      ...(secret === null ? {} : { secretFile }),
      ...(managers === undefined ? {} : { managers }),
    }),
    docker: v.parse(DockerOptions, { host: `unix://${socket}` }),
    port,
  };
  const swarm = openSwarm(settings, context, options.limits);
  let hits = 0;
  const app = new Hono().get("/v1/facts", (request) => {
    hits += 1;
    return facts(request, swarm.feed);
  });
  const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port });
  let isServing = true;

  async function stopServing(): Promise<void> {
    if (!isServing) return;
    isServing = false;
    const closed = new Promise((resolve) => server.close(resolve));
    if ("closeAllConnections" in server) server.closeAllConnections();
    await closed;
  }

  return {
    ...{ swarm, log, stopServing, url: `http://127.0.0.1:${port}` },
    hits: () => hits,
    async [Symbol.asyncDispose]() {
      await stopServing();
      await swarm[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

export type Of<K extends Fact["kind"]> = Extract<Fact, { kind: K }>;

/** The newest of a kind, by its key. */
export function newest<K extends Fact["kind"]>(
  all: readonly Fact[],
  kind: K,
  matches: (fact: Of<K>) => boolean = () => true,
): Of<K> | undefined {
  return all.findLast((fact): fact is Of<K> => fact.kind === kind && matches(fact as Of<K>));
}
