import { isIP } from "node:net";
import * as v from "valibot";
import { duration, httpUrl, path } from "../../../src/schema.ts";

const MIN_TTL = 5000;
const TTL = "expected whole seconds, 5s or more: Vulcand's versions round anything else differently, some to nothing";

/** `registries.vulcand` in the configuration. Light on purpose: read at every start, also where Vulcand is off. */
export const VulcandOptions = v.strictObject({
  /** The admin API. It has neither authentication nor TLS; with those, it is a proxy in front of it. */
  url: v.optional(httpUrl, "http://127.0.0.1:8182"),
  /** How long a server stays without a heart-beat, which comes at a third of it. */
  ttl: v.optional(
    v.pipe(
      duration,
      v.check((ms) => ms >= MIN_TTL && ms % 1000 === 0, TTL),
    ),
    "30s",
  ),
  /** `routed`: only instances with a route get a backend and a server. */
  instances: v.optional(v.picklist(["all", "routed"], "expected all or routed"), "all"),
  /** Instances get the client's Host header, on 0.9 as well, which else sends the server's own `host:port`. */
  passHost: v.optional(v.boolean("expected true or false"), true),
  /**
   * Opens a listener on this address of Vulcand's machine for every routed service that has a service port (Marathon), at
   * that port, as the showcase's register-service.sh does. Absent: routes are served by the listeners that are there.
   */
  listen: v.optional(
    v.pipe(
      v.string("expected an IP address of Vulcand's machine such as 0.0.0.0"),
      v.check((text) => isIP(text) !== 0, "expected an IP address of Vulcand's machine such as 0.0.0.0"),
    ),
  ),
  /** For a proxy in front of the API: the value of the Authorization header. Read again when it changes. */
  authorizationFile: v.optional(path),
  /** The CA that signed such a proxy's certificate. Default: the well-known ones. */
  caFile: v.optional(path),
  /** Our own certificate and key (PEM), where the proxy asks for one. */
  certFile: v.optional(path),
  /** The key of `certFile`. */
  keyFile: v.optional(path),
  /** For one request. */
  timeout: v.optional(duration, "5s"),
});
export type VulcandOptions = v.InferOutput<typeof VulcandOptions>;
