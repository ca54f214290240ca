import { open } from "node:fs/promises";
import * as v from "valibot";
import { identifyNode } from "../adapters/sources/docker/identity.ts";
import { createDockerSource } from "../adapters/sources/docker/index.ts";
import { DockerOptions } from "../adapters/sources/docker/options.ts";
import type { Json } from "../src/model.ts";
import { redact } from "../src/redact.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** Records an engine's facts, without secrets, one JSON object a line, until `signal` aborts: for the `replay` source. */
export async function record(host: string, file: string, signal: AbortSignal): Promise<void> {
  const options = v.parse(DockerOptions, { host, expose: "labelled" });
  // An address for documentation (RFC 5737): a recording has no business with this machine's.
  const node = await identifyNode(options, { address: "192.0.2.1" }, signal, silent);
  const source = createDockerSource(options, {
    ...{ name: "docker", cluster: "recorded", node, resync: 0, log: silent },
    ...{ now: Date.now, random: Math.random },
  });
  await using output = await open(file, "w");
  // A fact is plain JSON.
  for await (const fact of source.events(signal)) {
    await output.write(`${JSON.stringify(redact(fact as unknown as Json))}\n`);
  }
}
