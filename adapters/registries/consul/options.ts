import * as v from "valibot";
import { duration, httpUrl, path } from "../../../src/schema.ts";

/** `registries.consul` in the configuration. Light on purpose: read at every start, also where Consul is off. */
export const ConsulOptions = v.strictObject({
  /** The agent of this node. */
  url: v.optional(httpUrl, "http://127.0.0.1:8500"),
  /** Read again when it changes. */
  tokenFile: v.optional(path),
  /** Given by CONSUL_HTTP_TOKEN only: a token belongs into a file, where it can be rotated and nobody prints it. */
  token: v.optional(v.pipe(v.string(), v.nonEmpty("expected a token; better, name its file with tokenFile"))),
  /** The CA that signed the agent's certificate. Default: the well-known ones. */
  caFile: v.optional(path),
  /** Our own certificate and key (PEM), where the agent asks for one. */
  certFile: v.optional(path),
  keyFile: v.optional(path),
  /** For one request. */
  timeout: v.optional(duration, "5s"),
  /** Others may change our services' tags in the catalog. */
  enableTagOverride: v.optional(v.boolean("expected true or false"), false),
});
export type ConsulOptions = v.InferOutput<typeof ConsulOptions>;
