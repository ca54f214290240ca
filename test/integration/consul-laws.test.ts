/** The laws for registries, kept by the Consul adapter on a real Consul. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { type FaultProxy, startFaultProxy } from "../conformance/proxy.ts";
import { testRegistry } from "../conformance/registry.ts";
import { type Consul, startConsul } from "../lab/consul.ts";
import { backdoorOf, isWrite, openRegistry, SECRET, writeToken } from "./consul-harness.ts";

/** ms: a law waits for it, but a loaded machine must not run into it. */
const TIMEOUT = 5000;

describe.each([{ enableTagOverride: false }, { enableTagOverride: true }])(
  "the Consul registry, %o",
  { timeout: 240_000 },
  ({ enableTagOverride }) => {
    let consul: Consul;
    let proxy: FaultProxy;
    let folder: string;
    let tokenFile: string;

    beforeAll(async () => {
      consul = await startConsul();
      proxy = await startFaultProxy({ target: consul.url, isMutation: isWrite });
      folder = await mkdtemp(join(tmpdir(), "muster-consul-"));
      tokenFile = await writeToken(folder);
    }, 60_000);

    afterAll(async () => {
      await proxy?.[Symbol.asyncDispose]();
      await consul?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });

    testRegistry(it, {
      lacks: ["services"],
      open: async (owner) => ({
        registry: openRegistry(proxy.url, owner, { timeout: TIMEOUT, tokenFile, enableTagOverride }),
        backdoor: backdoorOf(consul, proxy),
      }),
      secrets: [SECRET],
      // The other mode writes in another way only what is there already.
      ...(enableTagOverride ? { runs: 4, many: 200 } : { runs: 10 }),
    });
  },
);
