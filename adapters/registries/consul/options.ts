import * as v from "valibot";
import { duration, httpUrl, path } from "../../../src/schema.ts";

const AGENTS = "expected a URL with {host} as its host, such as http://{host}:8500, or a map of host to URL";

const agentsTemplate = v.pipe(
  v.string(AGENTS),
  v.check((text) => hostnameFor(text, "a-host").includes("a-host"), AGENTS),
  v.transform((text) => text.replace(/\/+$/, "")),
);

const agentsMap = v.record(v.pipe(v.string(), v.nonEmpty(AGENTS)), httpUrl, AGENTS);

/** No union, which would not say which entry of a map is wrong. */
const agents = v.lazy((input): typeof agentsTemplate | typeof agentsMap =>
  typeof input === "object" && !Array.isArray(input) ? agentsMap : agentsTemplate,
);

/** @returns the host name in the URL that the template gives; empty if that is no URL for us */
function hostnameFor(template: string, host: string): string {
  const url = template.replaceAll("{host}", host);
  return v.is(httpUrl, url) ? new URL(url).hostname : "";
}

/** `registries.consul` in the configuration. Light on purpose: read at every start, also where Consul is off. */
export const ConsulOptions = v.strictObject({
  /** The agent of this node. */
  url: v.optional(httpUrl, "http://127.0.0.1:8500"),
  /**
   * The agents of other hosts, for instances that run there (Marathon): host → URL, or a URL with `{host}` in it. The host is
   * the instance's node or, where that is no host name, its address. The token and the TLS files are used with all of them.
   */
  agents: v.optional(agents),
  /** Instances on other hosts that have no agent (see `agents`) go into the catalog, on external nodes of our own. */
  catalog: v.optional(v.boolean("expected true or false"), false),
  /** Read again when it changes. */
  tokenFile: v.optional(path),
  /** Given by CONSUL_HTTP_TOKEN only: a token belongs into a file, where it can be rotated and nobody prints it. */
  token: v.optional(v.pipe(v.string(), v.nonEmpty("expected a token; better, name its file with tokenFile"))),
  /** The CA that signed the agent's certificate. Default: the well-known ones. */
  caFile: v.optional(path),
  /** Our own certificate and key (PEM), where the agent asks for one. */
  certFile: v.optional(path),
  /** The key of `certFile`. */
  keyFile: v.optional(path),
  /** For one request. Other agents and the catalog get 2 s at most. */
  timeout: v.optional(duration, "5s"),
  /** Others may change our services' tags in the catalog. */
  enableTagOverride: v.optional(v.boolean("expected true or false"), false),
});
export type ConsulOptions = v.InferOutput<typeof ConsulOptions>;
