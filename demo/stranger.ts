import { isDeepStrictEqual } from "node:util";
import type { ConsulHost } from "../test/lab/host.ts";
import { consulApi } from "./registry.ts";

/** A service that somebody else registered, under the very name that the demo's containers have. Muster must leave it alone. */
export interface Stranger extends AsyncDisposable {
  readonly id: string;
  /** @returns what has become of it, or null if it is untouched */
  difference(signal: AbortSignal): Promise<string | null>;
}

/** Registers it; disposing takes it out again. */
export async function registerStranger(consul: ConsulHost, service: string, signal: AbortSignal): Promise<Stranger> {
  const id = `demo-${service}-by-hand-${process.pid}`;
  const path = `/v1/agent/service/${id}`;
  // 192.0.2.0/24 is for examples: nobody answers there (RFC 5737)
  const body = {
    ID: id,
    Name: service,
    Address: "192.0.2.10",
    Port: 8080,
    Tags: ["by-hand"],
    Meta: { owner: "somebody else" },
  };
  await consulApi(consul, { method: "PUT", path: "/v1/agent/service/register", body }, signal);
  const before = await consulApi(consul, { path }, signal);
  return {
    id,
    async difference(during) {
      const now = await consulApi(consul, { path }, during).catch((error: unknown) => String(error));
      return isDeepStrictEqual(now, before) ? null : `the stranger's service ${id} was changed: ${JSON.stringify(now)}`;
    },
    async [Symbol.asyncDispose]() {
      const timeout = AbortSignal.timeout(2000);
      await consulApi(consul, { method: "PUT", path: `/v1/agent/service/deregister/${id}` }, timeout).catch(() => {});
    },
  };
}
