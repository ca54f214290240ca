/**
 * The ecosystem's own variables, as defaults for what the configuration does not give. They never switch an adapter on:
 * a DOCKER_HOST or CONSUL_HTTP_ADDR that lies about on a machine is no wish to register there; only the file and
 * `MUSTER_…` say what runs.
 */
import type { Environment } from "./environment.ts";

export interface EcosystemDefault {
  readonly key: string;
  readonly value: string;
  /** The variable that it comes from. */
  readonly variable: string;
}

/** @param given keys that the configuration has for this adapter */
export function ecosystemDefaults(
  adapter: string,
  given: readonly string[],
  env: Environment,
): readonly EcosystemDefault[] {
  if (adapter === "docker") return missing(given, [from(env, "DOCKER_HOST", "host")]);
  if (adapter === "consul") return missing(given, [consulAddress(env), consulToken(given, env)]);
  return [];
}

function missing(
  given: readonly string[],
  defaults: readonly (EcosystemDefault | null)[],
): readonly EcosystemDefault[] {
  return defaults.filter((one) => one !== null).filter(({ key }) => !given.includes(key));
}

function from(env: Environment, variable: string, key: string): EcosystemDefault | null {
  const value = env[variable] ?? "";
  return value === "" ? null : { key, value, variable };
}

/** As Consul's own client reads it: `host:port` will do, and CONSUL_HTTP_SSL is never reverted by an `http://`. */
function consulAddress(env: Environment): EcosystemDefault | null {
  const address = from(env, "CONSUL_HTTP_ADDR", "url");
  if (address === null) return null;
  const tls = /^(?:1|t|true)$/i.test(env["CONSUL_HTTP_SSL"] ?? "");
  const withScheme = address.value.includes("://") ? address.value : `http://${address.value}`;
  return { ...address, value: tls ? withScheme.replace(/^http:/i, "https:") : withScheme };
}

/** As in Consul's own client, the file beats the token; either in the configuration beats both. */
function consulToken(given: readonly string[], env: Environment): EcosystemDefault | null {
  if (given.includes("token") || given.includes("tokenFile")) return null;
  return from(env, "CONSUL_HTTP_TOKEN_FILE", "tokenFile") ?? from(env, "CONSUL_HTTP_TOKEN", "token");
}
