import * as v from "valibot";
import type { ConsulHost } from "../test/lab/host.ts";
import { ask } from "./ask.ts";

/** An entry, as far as the demo looks at it. */
export interface Entry {
  readonly id: string;
  readonly service: string;
  readonly address: string;
  readonly port: number;
  /** The orchestrator's id of the task: with Docker the full container id. */
  readonly task: string;
}

/** A registry to look into. */
export interface RegistryView {
  /** "Consul", "the embedded registry". */
  readonly name: string;
  /** What Muster has registered for the demo. */
  entries(signal: AbortSignal): Promise<readonly Entry[]>;
}

/** Muster's `cluster` for the demo, so that entries of other Musters are not concerned. */
export const CLUSTER = "muster-demo";

const ConsulServices = v.record(
  v.string(),
  v.object({
    ID: v.string(),
    Service: v.string(),
    Address: v.string(),
    Port: v.number(),
    Meta: v.nullish(v.record(v.string(), v.string()), {}),
  }),
);

/** The agent's services that carry a Muster's mark: few, however many there are. */
const marked = `/v1/agent/services?filter=${encodeURIComponent('"muster_owner" in Meta')}`;

/** Asks Consul itself, so that Muster is not its own witness. @param cluster whose entries are looked at */
export function consulView(consul: ConsulHost, cluster = CLUSTER): RegistryView {
  return {
    name: "Consul",
    async entries(signal) {
      const services = v.parse(ConsulServices, await consulApi(consul, { path: marked }, signal));
      return Object.values(services).flatMap(({ ID: id, Service: service, Address: address, Port: port, Meta }) => {
        const ours = Meta?.["muster_owner"]?.startsWith(`${cluster}/`) === true;
        return ours ? [{ id, service, address, port, task: Meta?.["muster_task"] ?? "" }] : [];
      });
    },
  };
}

const Instances = v.object({
  instances: v.array(
    v.object({
      id: v.string(),
      service: v.string(),
      task: v.string(),
      address: v.nullable(v.string()),
      port: v.nullable(v.number()),
      registries: v.record(v.string(), v.object({ state: v.string() })),
    }),
  ),
});

/** What Muster's API says of its embedded registry. @param url of the API */
export function embeddedView(url: string): RegistryView {
  return {
    name: "the embedded registry",
    async entries(signal) {
      const { instances } = v.parse(Instances, JSON.parse((await ask(`${url}/v1/instances`, signal)).text));
      return instances.flatMap(({ id, service, task, address, port, registries }) => {
        const isIn = registries["embedded"]?.state === "registered" && address !== null && port !== null;
        return isIn ? [{ id, service, task, address, port }] : [];
      });
    },
  };
}

/** A request to Consul; throws for anything but success. */
export async function consulApi(
  { url, token }: ConsulHost,
  { method = "GET", path, body }: { readonly method?: string; readonly path: string; readonly body?: object },
  signal: AbortSignal,
): Promise<unknown> {
  const { ok, status, text } = await ask(`${url}${path}`, signal, {
    method,
    ...(token === undefined ? {} : { headers: { "x-consul-token": token } }),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!ok) throw new Error(`Consul ${method} ${path}: ${status} ${text.trim()}`);
  return text === "" ? null : JSON.parse(text);
}
