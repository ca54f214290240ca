/** The parts of `/info`, `/services`, `/tasks` and `/nodes` that are used. Strict on identity only. */
import * as v from "valibot";
import { misfitOf } from "../../../src/schema.ts";
import { EngineError } from "../docker/errors.ts";

const text = v.fallback(v.nullish(v.string(), ""), "");
const flag = v.fallback(v.nullish(v.boolean(), false), false);
const count = v.fallback(v.nullish(v.number(), 0), 0);
const labels = v.fallback(v.nullish(v.record(v.string(), v.string()), {}), {});
const id = v.pipe(v.string(), v.nonEmpty());
const version = v.fallback(v.object({ Index: v.number() }), { Index: 0 });

/** A list that may be absent, of which only the sound members are used: `T` is lenient, so that is all but nonsense. */
function list<T extends v.GenericSchema>(schema: T) {
  return v.fallback(v.nullish(v.array(schema), []), []);
}

const PublishedPort = v.object({ Protocol: text, TargetPort: count, PublishedPort: count, PublishMode: text });
export type PublishedPort = v.InferOutput<typeof PublishedPort>;

const ContainerSpec = v.object({ Image: text, Labels: labels, Env: list(v.string()) });
export type ContainerSpec = v.InferOutput<typeof ContainerSpec>;

const Service = v.object({
  ID: id,
  Version: version,
  Spec: v.object({
    Name: text,
    Labels: labels,
    TaskTemplate: v.fallback(v.object({ ContainerSpec: v.nullish(ContainerSpec) }), {}),
  }),
  Endpoint: v.fallback(v.nullish(v.object({ Ports: list(PublishedPort) })), null),
  UpdateStatus: v.fallback(v.nullish(v.object({ State: text })), null),
});
export type Service = v.InferOutput<typeof Service>;

const Attachment = v.object({
  Network: v.object({
    Spec: v.object({ Name: text, Ingress: flag }),
    DriverState: v.fallback(v.nullish(v.object({ Name: text })), null),
  }),
  Addresses: list(v.string()),
});
export type Attachment = v.InferOutput<typeof Attachment>;

const Task = v.object({
  ID: id,
  Version: version,
  CreatedAt: text,
  /** Empty: a container that was attached to a network by hand. */
  ServiceID: text,
  /** Empty: not assigned yet. */
  NodeID: text,
  DesiredState: text,
  Status: v.object({
    State: text,
    PortStatus: v.fallback(v.nullish(v.object({ Ports: list(PublishedPort) })), null),
  }),
  NetworksAttachments: list(Attachment),
  /** What it was made of: its service may have changed since. */
  Spec: v.fallback(v.nullish(v.object({ ContainerSpec: v.nullish(ContainerSpec) })), null),
});
export type Task = v.InferOutput<typeof Task>;

const Node = v.object({
  ID: id,
  Status: v.fallback(v.object({ State: text, Addr: text }), { State: "", Addr: "" }),
  ManagerStatus: v.fallback(v.nullish(v.object({ Leader: flag, Reachability: text, Addr: text })), null),
});
export type Node = v.InferOutput<typeof Node>;

const Info = v.object({
  Swarm: v.fallback(
    v.nullish(
      v.object({
        NodeID: text,
        LocalNodeState: text,
        ControlAvailable: flag,
        RemoteManagers: list(v.object({ Addr: text })),
      }),
    ),
    null,
  ),
});

/** What an engine is in its swarm. */
export type Role =
  | { readonly kind: "outside" }
  /** @param managers `host:port` of the swarm's own protocol */
  | { readonly kind: "worker"; readonly node: string; readonly managers: readonly string[] }
  | { readonly kind: "manager"; readonly node: string };

/** @throws EngineError that names what is wrong */
export function readRole(json: unknown): Role {
  const { Swarm } = parse(Info, json, "info");
  if (Swarm === null || Swarm === undefined || Swarm.LocalNodeState === "inactive" || Swarm.LocalNodeState === "")
    return { kind: "outside" };
  const { NodeID: node, ControlAvailable, RemoteManagers } = Swarm;
  if (ControlAvailable && Swarm.LocalNodeState === "active") return { kind: "manager", node };
  return { kind: "worker", node, managers: RemoteManagers.map(({ Addr }) => Addr).filter((addr) => addr !== "") };
}

/** @throws EngineError if any of it is without identity: a listing that is not whole is none */
export function readServices(json: unknown): readonly Service[] {
  return parse(v.array(Service), json, "service list");
}

export function readTasks(json: unknown): readonly Task[] {
  return parse(v.array(Task), json, "task list");
}

export function readNodes(json: unknown): readonly Node[] {
  return parse(v.array(Node), json, "node list");
}

function parse<S extends v.GenericSchema>(schema: S, json: unknown, what: string): v.InferOutput<S> {
  const { success, output, issues } = v.safeParse(schema, json);
  if (success) return output;
  const [issue] = issues;
  throw new EngineError(
    `swarm: the engine's ${what} has no proper ${v.getDotPath(issue) ?? "shape"}: ${misfitOf(issue)}`,
  );
}
