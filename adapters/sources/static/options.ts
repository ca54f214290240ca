import * as v from "valibot";
import { path, port } from "../../../src/schema.ts";

/** One endpoint that nobody else announces. */
export const StaticInstance = v.strictObject({
  /** Its name. */
  service: v.pipe(v.string("expected a service name"), v.nonEmpty("expected a service name, got an empty string")),
  /** Where it is reached. */
  address: v.pipe(
    v.string("expected an address"),
    v.regex(/^[A-Za-z0-9._:-]+$/, "expected an IP address or a host name"),
  ),
  /** Where it listens. */
  port,
  /** Over what it is reached. */
  protocol: v.optional(v.picklist(["tcp", "udp", "sctp"], "expected tcp, udp or sctp"), "tcp"),
  /** As on a container: `muster.*` and `SERVICE_*`. */
  labels: v.optional(v.record(v.string(), v.string("expected a string; quote numbers and booleans")), {}),
});
export type StaticInstance = v.InferOutput<typeof StaticInstance>;

/** `sources.static` in the configuration. */
export const StaticOptions = v.strictObject({
  /** What is always there. */
  instances: v.optional(v.array(StaticInstance, "expected a list of instances"), []),
  /** YAML or JSON, watched. Its instances come on top of those above. */
  file: v.optional(path),
});
export type StaticOptions = v.InferOutput<typeof StaticOptions>;
