/** The laws for registries, kept by the Vulcand adapter on a fake of one version. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { type FaultProxy, startFaultProxy } from "../conformance/proxy.ts";
import { testRegistry } from "../conformance/registry.ts";
import type { Dialect } from "../fakes/vulcand/dialect.ts";
import { type FakeVulcand, startFakeVulcand } from "../fakes/vulcand/server.ts";
import { backdoorOf, openRegistry } from "./vulcand-harness.ts";

const SECRET = "dnVsY2FuZDpzZWNyZXQ=";

export function vulcandLaws(dialect: Dialect): void {
  describe(`the Vulcand registry on ${dialect}`, { timeout: 240_000 }, () => {
    let fake: FakeVulcand;
    let proxy: FaultProxy;
    let folder: string;

    beforeAll(async () => {
      fake = await startFakeVulcand(dialect);
      proxy = await startFaultProxy({ target: fake.url });
      folder = await mkdtemp(join(tmpdir(), "muster-vulcand-"));
      await writeFile(join(folder, "authorization"), `Basic ${SECRET}\n`);
    });

    afterAll(async () => {
      await proxy?.[Symbol.asyncDispose]();
      await fake?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });

    testRegistry(it, {
      open: async (owner) => ({
        registry: openRegistry(proxy.url, owner, { timeout: 2000, authorizationFile: join(folder, "authorization") }),
        backdoor: backdoorOf(fake, proxy),
      }),
      secrets: [SECRET],
      runs: 10,
      many: dialect === "0.9.2-etcd3" ? 1000 : 200,
      skip: {
        18: "the name is the mark here, so no stranger can hold it; routes and addresses that they hold: vulcand-shared.test.ts",
        19: "Vulcand has no weights, so what drains is deregistered at once",
      },
    });
  });
}
