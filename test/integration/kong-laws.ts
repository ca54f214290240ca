/** The laws for registries, kept by the Kong adapter on a fake of one version. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { type FaultProxy, startFaultProxy } from "../conformance/proxy.ts";
import { testRegistry } from "../conformance/registry.ts";
import { type FakeKong, startFakeKong } from "../fakes/kong/kong.ts";
import type { KongVersion } from "../fakes/kong/version.ts";
import { backdoorOf, openRegistry, SECRET, writeToken } from "./kong-harness.ts";

/** ms: a law waits for it, but a loaded machine must not run into it. */
const TIMEOUT = 2000;

const WITHOUT_DATABASE = {
  7: "strangers have to be in the base file, and are: see kong-dbless.test.ts",
  9: "a pass is one request, so it can't fail in part; what Kong refuses is taken out: see kong-dbless.test.ts",
  18: "strangers have to be in the base file, and are: see kong-dbless.test.ts",
} as const;

export function testLaws(version: KongVersion, mode: "database" | "dbless" = "database"): void {
  const dbless = mode === "dbless";
  describe(`the Kong registry on ${version}, ${mode}`, { timeout: 240_000 }, () => {
    let kong: FakeKong;
    let proxy: FaultProxy;
    let folder: string;
    let tokenFile: string;

    beforeAll(async () => {
      kong = await startFakeKong({ version, dbless });
      proxy = await startFaultProxy({ target: kong.url });
      folder = await mkdtemp(join(tmpdir(), "muster-kong-"));
      tokenFile = await writeToken(folder);
    });

    afterAll(async () => {
      await proxy?.[Symbol.asyncDispose]();
      await kong?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });

    testRegistry(it, {
      open: async (owner) => ({
        registry: openRegistry(proxy.url, owner, { timeout: TIMEOUT, tokenFile, ...(dbless && { dbless: {} }) }),
        backdoor: backdoorOf(kong, proxy),
      }),
      secrets: [SECRET],
      runs: 5,
      many: version === "3.4.2" ? 1000 : 200,
      skip: dbless ? WITHOUT_DATABASE : {},
    });
  });
}
