/** What a registration of ours holds, by kind of object. Compared by value, so only what we decide is in it. */
import * as v from "valibot";
import type { Json } from "../../../src/model.ts";

const HostSpec = v.object({ kind: v.literal("host"), name: v.string() });
const BackendSpec = v.object({ kind: v.literal("backend"), id: v.string() });
const ListenerSpec = v.object({ kind: v.literal("listener"), id: v.string(), address: v.string() });
const FrontendSpec = v.object({
  kind: v.literal("frontend"),
  id: v.string(),
  backend: v.string(),
  route: v.string(),
  passHost: v.boolean(),
});
const ServerSpec = v.object({ kind: v.literal("server"), backend: v.string(), id: v.string(), url: v.string() });

const Spec = v.variant("kind", [HostSpec, BackendSpec, ListenerSpec, FrontendSpec, ServerSpec]);
export type Spec = v.InferOutput<typeof Spec>;
export type ListenerSpec = v.InferOutput<typeof ListenerSpec>;
export type FrontendSpec = v.InferOutput<typeof FrontendSpec>;
export type ServerSpec = v.InferOutput<typeof ServerSpec>;

/** Lower is created earlier and removed later. */
export const RANKS = { host: -4, backend: -3, listener: -2, frontend: -1, server: 0 } as const;

/** Throws where a registration is not one of ours. */
export function readSpec(spec: Json): Spec {
  return v.parse(Spec, spec);
}

/** The API's path below `/v2`, decoded: also the registration's key. */
export function keyOf(spec: Spec): string {
  if (spec.kind === "server") return `backends/${spec.backend}/servers/${spec.id}`;
  return `${spec.kind}s/${spec.kind === "host" ? spec.name : spec.id}`;
}
