import * as v from "valibot";
import { duration, httpUrl, path } from "../../../src/schema.ts";

const text = v.pipe(v.string("expected a text"), v.nonEmpty("expected a text, got an empty string"));
const EXPOSE = "expected published or labelled";
const SCHEME = "expected token (DC/OS: Authorization: token=…) or bearer";

/** `sources.marathon` in the configuration. */
export const MarathonOptions = v.pipe(
  v.strictObject({
    /**
     * All Marathons of one cluster, leader and standbys, each with its path prefix where it has one
     * (`https://dcos.example/marathon`). Credentials go to these hosts only.
     * @default [http://127.0.0.1:8080]
     */
    urls: v.optional(v.pipe(v.array(httpUrl), v.minLength(1, "expected at least one URL")), () => [
      "http://127.0.0.1:8080",
    ]),
    /** For HTTP basic authentication, with `passwordFile`. */
    username: v.optional(text),
    /** A file with the password of `username`. */
    passwordFile: v.optional(path),
    /** A file with a token. */
    tokenFile: v.optional(path),
    /** How the token is sent. @default token */
    tokenScheme: v.optional(v.picklist(["token", "bearer"], SCHEME), "token"),
    /** A DC/OS service account's secret: JSON with `uid`, `private_key` and `login_endpoint`. */
    serviceAccountSecretFile: v.optional(path),
    /** The CA that signed Marathon's certificate (PEM). Default: the well-known ones. */
    caFile: v.optional(path),
    /** Our own certificate (PEM), where Marathon asks for one; with `keyFile`. */
    certFile: v.optional(path),
    /** The key of `certFile`. */
    keyFile: v.optional(path),
    /** `labelled`: register only what carries `muster.enable=true` or a `muster.name`. @default published */
    expose: v.optional(v.picklist(["published", "labelled"], EXPOSE), "published"),
    /**
     * Period of full listings; 0s: none.
     * @default 60s up to Marathon 1.7, which loses events silently, else 300s; policy.resync if that is shorter
     */
    resync: v.optional(duration),
    /** How long Marathon may take for one answer, ms. @default 30s */
    timeout: v.optional(duration, "30s"),
    /** Without a heart-beat (one every 10 s) for so long, the event stream counts as dead, ms. @default 30s */
    idle: v.optional(duration, "30s"),
  }),
  v.check(
    ({ certFile, keyFile }) => (certFile === undefined) === (keyFile === undefined),
    "expected certFile and keyFile together, or neither",
  ),
  v.check(
    ({ username, passwordFile }) => (username === undefined) === (passwordFile === undefined),
    "expected username and passwordFile together, or neither",
  ),
  v.check(
    ({ passwordFile, tokenFile, serviceAccountSecretFile }) =>
      [passwordFile, tokenFile, serviceAccountSecretFile].filter((file) => file !== undefined).length <= 1,
    "expected one of passwordFile, tokenFile and serviceAccountSecretFile",
  ),
);
export type MarathonOptions = v.InferOutput<typeof MarathonOptions>;
