/** The laws for registries, kept by the example adapter on a real HAProxy. */
import { afterAll, beforeAll, describe, it } from "vitest";
import type { FaultProxy } from "../conformance/proxy.ts";
import { testRegistry } from "../conformance/registry.ts";
import { labAvailable } from "../lab/available.ts";
import type { Haproxy } from "../lab/haproxy.ts";
import { backdoorOf, openRegistry, startWithBackends } from "./haproxy-harness.ts";
import { startRuntimeProxy } from "./haproxy-proxy.ts";

const { skip, reason } = await labAvailable("haproxy");

describe.skipIf(skip)(`the HAProxy registry ${reason}`, { timeout: 240_000 }, () => {
  let haproxy: Haproxy;
  let proxy: FaultProxy;

  beforeAll(async () => {
    haproxy = await startWithBackends();
    proxy = await startRuntimeProxy(haproxy.socket);
  });

  afterAll(async () => {
    await proxy?.[Symbol.asyncDispose]();
    await haproxy?.[Symbol.asyncDispose]();
  });

  testRegistry(it, {
    open: async (owner) => ({
      registry: await openRegistry({ socket: proxy.url, timeout: 3000 }, owner),
      backdoor: backdoorOf(haproxy, proxy),
    }),
    // HAProxy's backends are in haproxy.cfg.
    lacks: ["services"],
  });
});
