/** What a real Muster is made of: real adapters, a real server, a log on standard error. */
import { identify, loadAdapters, loadElection, loadSwarm, sourceNames, whyStandby } from "./adapters.ts";
import type { AgentParts } from "./agent.ts";
import { steadyClock } from "./clock.ts";
import type { Config } from "./config.ts";
import type { FactFeed } from "./http/facts.ts";
import { serve } from "./http/server.ts";
import { createTokenFile } from "./http/token.ts";
import { createLog } from "./log.ts";
import { openTracing } from "./telemetry/open.ts";

export interface RealParts extends AgentParts {
  /** `port`: where it listens. */
  serve(agent: Parameters<AgentParts["serve"]>[0]): Promise<AsyncDisposable & { readonly port: number }>;
}

export function partsOf(config: Config): RealParts {
  const log = createLog(config.log.level);
  const { resync } = config.policy;
  const swarm = loadSwarm(config.sources, config.http.listen.port, {
    ...{ name: "swarm", resync, log, now: steadyClock.now, random: Math.random },
  });
  // Whoever awaits it hears of it.
  swarm.catch(() => {});
  return {
    log,
    identify: (signal, onFailure) => identify(config, signal, log, onFailure),
    load: async (scope, context) => loadAdapters(config, scope, context, await swarm),
    sourceNames: (scope) => sourceNames(config.sources, scope),
    election: async (context) => loadElection(config.registries, context, await swarm),
    whyStandby: async (context, signal) => whyStandby(config.registries, context, await swarm, signal),
    openTracing: (node, signal) => openTracing({ env: process.env, node, cluster: config.cluster, log }, signal),
    async serve(agent) {
      const { listen, tokenFile } = config.http;
      const token = tokenFile === null ? null : createTokenFile(tokenFile);
      const feed = await feedOf(swarm);
      const load = async () => (await import("./http/listener.ts")).createListener({ agent, token, feed, log });
      const server = await serve(load, listen, log);
      log.info({ host: listen.host, port: server.port }, "listening");
      return {
        port: server.port,
        async [Symbol.asyncDispose]() {
          await server[Symbol.asyncDispose]();
          await (await swarm)?.[Symbol.asyncDispose]();
        },
      };
    },
  };
}

async function feedOf(swarm: ReturnType<typeof loadSwarm>): Promise<FactFeed | null> {
  return (await swarm)?.feed ?? null;
}
