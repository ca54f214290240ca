/** What a real Muster is made of: real adapters, a real server, a log on standard error. */
import { identify, loadAdapters, loadElection, sourceNames } from "./adapters.ts";
import type { AgentParts } from "./agent.ts";
import type { Config } from "./config.ts";
import { createApi } from "./http/api.ts";
import { serve } from "./http/server.ts";
import { createTokenFile } from "./http/token.ts";
import { createLog } from "./log.ts";

export function partsOf(config: Config): AgentParts {
  const log = createLog(config.log.level);
  return {
    log,
    identify: (signal, onFailure) => identify(config, signal, log, onFailure),
    load: (scope, context) => loadAdapters(config, scope, context),
    sourceNames: (scope) => sourceNames(config.sources, scope),
    election: (context) => loadElection(config.registries, context),
    async serve(agent) {
      const { listen, tokenFile } = config.http;
      const server = await serve(
        createApi({ agent, token: tokenFile === null ? null : createTokenFile(tokenFile), feed: null, log }),
        listen,
      );
      log.info({ host: listen.host, port: server.port }, "listening");
      return server;
    },
  };
}
