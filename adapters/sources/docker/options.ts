import * as v from "valibot";
import { duration, path } from "../../../src/schema.ts";

const DEFAULT_HOST = "unix:///var/run/docker.sock";
const HOST_EXPECTED = "expected unix:///path, tcp://host:port, http://host:port or https://host:port";

const host = v.pipe(
  v.string(HOST_EXPECTED),
  v.check(isEngineAddress, HOST_EXPECTED),
  v.check(
    (text) => !/^[a-z]+:\/\/[^/]*@/.test(text),
    "expected an address without credentials; use certFile and keyFile",
  ),
);

/** `sources.docker` in the configuration. */
export const DockerOptions = v.pipe(
  v.strictObject({
    /** Where the engine listens. @default $DOCKER_HOST, else unix:///var/run/docker.sock */
    host: v.optional(host, () => process.env["DOCKER_HOST"] || DEFAULT_HOST),
    /** PEM files for an engine behind TLS; read again at every connection. Any of them makes `tcp://` use TLS. */
    caFile: v.optional(path),
    /** Our own certificate, where the engine asks for one; with `keyFile`. */
    certFile: v.optional(path),
    /** The key of `certFile`. */
    keyFile: v.optional(path),
    /** `labelled`: register only what carries `muster.enable=true` or a `muster.name`. @default published */
    expose: v.optional(v.picklist(["published", "labelled"], "expected published or labelled"), "published"),
    /** How long the engine may take for one answer, ms; 0: for ever. @default 10s */
    timeout: v.optional(duration, "10s"),
  }),
  v.check(
    ({ certFile, keyFile }) => (certFile === undefined) === (keyFile === undefined),
    "expected certFile and keyFile together, or neither",
  ),
);
export type DockerOptions = v.InferOutput<typeof DockerOptions>;

/** Where an engine listens: a socket, or a host and port. */
export type EngineAddress =
  | { readonly socketPath: string }
  | { readonly protocol: "http" | "https"; readonly hostname: string; readonly port: number };

export function engineAddress({ host, caFile, certFile }: DockerOptions): EngineAddress {
  if (host.startsWith("unix://")) return { socketPath: host.slice("unix://".length) };
  // URL keeps the port of a special scheme only if it is not that scheme's default.
  const url = new URL(host.replace(/^[a-z]+:/, "tcp:"));
  const tls = host.startsWith("https:") || (host.startsWith("tcp:") && (caFile ?? certFile) !== undefined);
  const port = Number(url.port) || defaultPort(host, tls);
  return { protocol: tls ? "https" : "http", hostname: url.hostname, port };
}

function defaultPort(host: string, tls: boolean): number {
  if (host.startsWith("tcp:")) return tls ? 2376 : 2375;
  return tls ? 443 : 80;
}

function isEngineAddress(text: string): boolean {
  if (text.startsWith("unix://")) return text.length > "unix://".length;
  return /^(tcp|https?):\/\/[^/]/.test(text) && URL.canParse(text);
}
