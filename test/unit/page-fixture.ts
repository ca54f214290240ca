/** What the API answers, for the tests of what the status page makes of it. */
import type { InstanceView } from "../../src/http/view.ts";
import type { RegistrationView, RegistryView } from "../../src/registry-view.ts";

export function registration(state: RegistrationView["state"], error: string | null = null): RegistrationView {
  return { state, key: null, since: null, error };
}

/** Registered in consul and kong. */
export function view(some: Partial<InstanceView> = {}): InstanceView {
  return {
    ...{
      id: "t1:80",
      service: "web",
      source: "docker",
      task: "t1",
      node: "n1",
      address: "10.0.0.1",
      port: 80,
      protocol: "tcp",
    },
    ...{
      containerPort: 8080,
      servicePort: null,
      portName: null,
      state: "ready",
      health: "none",
      missing: [],
      version: null,
    },
    ...{ image: "web:1", tags: [], meta: {}, routes: [], weight: null, notes: [] },
    registries: { consul: registration("registered"), kong: registration("registered") },
    ...some,
  };
}

export function registryView(name: string): RegistryView {
  return {
    ...{ name, state: "synced", registered: 1, pending: 0, failed: 0, lastCleanPass: "2026-11-21T00:00:00.000Z" },
    ...{ lastListing: "2026-11-21T00:00:00.000Z", error: null, guard: null },
  };
}
