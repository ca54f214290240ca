/**
 * The collector's connections, so that they can be cut: a request that is never answered would keep the process from
 * ending. Since the agent is ours, so is the reading of the certificates that the variables name.
 */
import { readFile } from "node:fs/promises";
import { Agent, type AgentOptions } from "node:http";
import { Agent as TlsAgent } from "node:https";
import type { Environment } from "../config/environment.ts";
import { firstSaid } from "./settings.ts";

export interface Connection {
  /** What the exporter asks for its agent. @param protocol `http:` or `https:` */
  agent(protocol: string): Agent;
  /** Cuts what is open; there are no further ones. */
  close(): void;
}

/** Rejects with an Error that names the variable of a file that can't be read. */
export async function openConnection(env: Environment): Promise<Connection> {
  const [ca, cert, key] = await Promise.all(
    ["CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"].map((name) => fileOf(name, env)),
  );
  const tls = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
  const agents: Agent[] = [];
  return {
    agent(protocol) {
      const options: AgentOptions = { keepAlive: true };
      const agent = protocol === "https:" ? new TlsAgent({ ...options, ...tls }) : new Agent(options);
      agents.push(agent);
      return agent;
    },
    close() {
      for (const agent of agents) {
        // With an error of ours it does not look like a fault of the network, which would be tried again.
        const error = new Error("stopping");
        agent.createConnection = () => {
          throw error;
        };
        for (const socket of Object.values(agent.sockets).flat()) socket?.destroy(error);
        agent.destroy();
      }
    },
  };
}

async function fileOf(what: string, env: Environment): Promise<Buffer | undefined> {
  const said = firstSaid(env, [`OTEL_EXPORTER_OTLP_TRACES_${what}`, `OTEL_EXPORTER_OTLP_${what}`]);
  if (said === null) return undefined;
  try {
    return await readFile(said.value);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(`${said.name}: ${text}`, { cause: error });
  }
}
