import * as v from "valibot";
import { duration, httpUrl, identifier, path } from "../../../src/schema.ts";

const HEADER = "expected a text, or file: PATH for a value that nobody should see";
const LISTENER = "expected Vulcand's listener as host:port or http://host:port, without a path";
const CONCURRENCY = "expected a whole number from 1 to 32";
const yesOrNo = v.boolean("expected true or false");

const headerName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, "expected the name of an HTTP header, such as X-Api-Key"),
);
const headerText = v.pipe(v.string(HEADER), v.regex(/^[\x20-\x7e]*$/, "expected a single line of printable ASCII"));
const headerValue = v.union([headerText, v.strictObject({ file: path })], HEADER);

const listener = v.pipe(
  v.string(LISTENER),
  v.transform((text) => (/^https?:\/\//.test(text) ? text : `http://${text}`)),
  v.check((text) => isListener(text), LISTENER),
);

function isListener(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { username, password, pathname, search, hash, hostname } = new URL(text);
  return `${username}${password}${search}${hash}` === "" && pathname === "/" && hostname !== "";
}

/** `registries.kong` in the configuration. Light on purpose: read at every start, also where Kong is off. */
export const KongOptions = v.pipe(
  v.strictObject({
    /** The Admin API, with its base path where it has one. */
    url: v.optional(httpUrl, "http://127.0.0.1:8001"),
    /** DB-less only: the Admin API of every node, since they share nothing. */
    urls: v.optional(v.pipe(v.array(httpUrl), v.minLength(1, "expected at least one URL"))),
    /** Sent as `Kong-Admin-Token` (Enterprise); read again when it changes. */
    tokenFile: v.optional(path),
    /** Further headers, for whatever guards the Admin API. */
    headers: v.optional(v.record(headerName, headerValue), {}),
    /** Enterprise only. */
    workspace: v.optional(identifier),
    /** The CA that signed the Admin API's certificate. Default: the well-known ones. */
    caFile: v.optional(path),
    /** Our own certificate and key (PEM), where the Admin API asks for one. */
    certFile: v.optional(path),
    /** The key of `certFile`. */
    keyFile: v.optional(path),
    /** For one request. */
    timeout: v.optional(duration, "10s"),
    /** Requests under way at once (facts/kong.md §10.6). */
    concurrency: v.optional(
      v.pipe(v.number(CONCURRENCY), v.integer(CONCURRENCY), v.minValue(1, CONCURRENCY), v.maxValue(32, CONCURRENCY)),
      8,
    ),
    /** Where Kong sends requests: to the instances themselves, or to Vulcand's listener. */
    gateway: v.optional(v.picklist(["instances", "vulcand"], "expected instances or vulcand"), "instances"),
    /** Vulcand's listener, with `gateway: vulcand`. */
    vulcand: v.optional(listener),
    /** Which instances become targets: all of them, or only those with a route. */
    instances: v.optional(v.picklist(["all", "routed"], "expected all or routed"), "all"),
    /** Whether instances see the Host header of the client. Always so with `gateway: vulcand`, which routes by it. */
    preserveHost: v.optional(yesOrNo, false),
    /** For a Kong without a database: Muster posts the whole configuration, `base` and its own part. */
    dbless: v.optional(
      v.strictObject({
        /** The operator's part, in Kong's declarative format. */
        base: v.optional(path),
      }),
    ),
  }),
  v.check(
    ({ gateway, vulcand }) => (gateway === "vulcand") === (vulcand !== undefined),
    "expected gateway: vulcand and vulcand: HOST:PORT together, or neither",
  ),
  v.check(
    ({ urls, dbless }) => urls === undefined || dbless !== undefined,
    "expected urls only with dbless: the nodes of one database need one url",
  ),
  v.check(
    ({ dbless, workspace }) => dbless === undefined || workspace === undefined,
    "expected workspace or dbless: without a database there are no workspaces",
  ),
);
export type KongOptions = v.InferOutput<typeof KongOptions>;
