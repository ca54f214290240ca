import { startConsul } from "./consul.ts";
import type { ConsulOptions } from "./consul-config.ts";
import { engineApi } from "./docker-api.ts";
import { type EngineOptions, startEngine } from "./engine.ts";
import { tool } from "./packages.ts";
import { type RunOptions, run } from "./run.ts";

/** A server to use: one that was there, or one that was started for us. Disposing stops it only if it is ours. */
export interface Chosen extends AsyncDisposable {
  /** Started by us, and ours to stop. */
  readonly ours: boolean;
  /** In words, for a person: "DOCKER_HOST=tcp://10.0.0.1:2375", "started for this run". */
  readonly why: string;
}

/** A Docker Engine to use. */
export interface DockerHost extends Chosen {
  /** For DOCKER_HOST: "unix:///var/run/docker.sock". */
  readonly host: string;
  /** Where its published ports answer. */
  readonly address: string;
  /** Runs the CLI and returns its output; throws with its standard error. */
  docker(args: readonly string[], options?: RunOptions): Promise<string>;
}

/** A Consul agent to use. */
export interface ConsulHost extends Chosen {
  readonly url: string;
  readonly token?: string;
}

const forThisRun = "started for this run";

/** The engine at DOCKER_HOST or at the usual socket if it answers; else it starts one, with the lab's images in it. */
export async function dockerHost(options: EngineOptions = {}): Promise<DockerHost> {
  const set = process.env["DOCKER_HOST"];
  const host = set ?? "unix:///var/run/docker.sock";
  const answers = await engineApi(host, { path: "/_ping", signal: AbortSignal.timeout(2000) }).then(
    () => true,
    () => false,
  );
  if (!answers) {
    const engine = await startEngine(options);
    return { ...engine, host: `unix://${engine.socket}`, ours: true, why: forThisRun };
  }
  const cli = await tool("docker", options.signal);
  return {
    host,
    address: host.startsWith("tcp:") ? new URL(host).hostname : "127.0.0.1",
    ours: false,
    why: set === undefined ? host : `DOCKER_HOST=${set}`,
    docker: (args, runOptions = {}) =>
      run(cli.path, ["-H", host, ...args], { ...runOptions, env: { ...cli.env, ...runOptions.env } }),
    async [Symbol.asyncDispose]() {},
  };
}

/** The agent at CONSUL_HTTP_ADDR or on port 8500 of this host if it answers; else it starts one. */
export async function consulHost(options: ConsulOptions = {}): Promise<ConsulHost> {
  const set = process.env["CONSUL_HTTP_ADDR"];
  const url = consulUrl(set ?? "127.0.0.1:8500");
  const signal = AbortSignal.timeout(2000);
  const answers = await fetch(`${url}/v1/status/leader`, { signal }).then(
    (answer) => answer.ok,
    () => false,
  );
  if (!answers) return { ...(await startConsul(options)), ours: true, why: forThisRun };
  const token = process.env["CONSUL_HTTP_TOKEN"];
  return {
    url,
    ...(token === undefined ? {} : { token }),
    ours: false,
    why: set === undefined ? url : `CONSUL_HTTP_ADDR=${set}`,
    async [Symbol.asyncDispose]() {},
  };
}

function consulUrl(address: string): string {
  if (/^https?:/.test(address)) return address.replace(/\/$/, "");
  return `${process.env["CONSUL_HTTP_SSL"] === "true" ? "https" : "http"}://${address}`;
}
