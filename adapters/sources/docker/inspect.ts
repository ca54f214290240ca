/** The parts of `GET /containers/{id}/json`, `/containers/json`, `/networks` and `/info` that are used. Strict on identity only. */
import * as v from "valibot";
import { misfitOf } from "../../../src/schema.ts";
import { EngineError } from "./errors.ts";

const text = v.nullish(v.string(), "");
const flag = v.nullish(v.boolean(), false);
const labels = v.nullish(v.record(v.string(), v.string()), {});
const id = v.pipe(v.string(), v.nonEmpty());

const HostBinding = v.object({ HostIp: text, HostPort: text });
const Attachment = v.object({ NetworkID: text, IPAddress: text, GlobalIPv6Address: text });

const Inspect = v.object({
  Id: id,
  Name: text,
  /** Image id. */
  Image: text,
  /** RFC 3339. */
  Created: text,
  State: v.object({
    Status: v.pipe(v.string(), v.nonEmpty()),
    Paused: flag,
    Restarting: flag,
    ExitCode: v.nullish(v.number()),
    StartedAt: text,
    Health: v.nullish(v.object({ Status: text })),
  }),
  Config: v.object({
    Image: text,
    Labels: labels,
    Env: v.nullish(v.array(v.string()), []),
    ExposedPorts: v.nullish(v.record(v.string(), v.unknown()), {}),
    Healthcheck: v.nullish(v.object({ Test: v.nullish(v.array(v.string()), []) })),
    StopSignal: v.nullish(v.string()),
    /** s */
    StopTimeout: v.nullish(v.number()),
  }),
  HostConfig: v.nullish(
    v.object({ NetworkMode: text, PortBindings: v.nullish(v.record(v.string(), v.unknown()), {}) }),
    {},
  ),
  NetworkSettings: v.object({
    Ports: v.nullish(v.record(v.string(), v.nullish(v.array(HostBinding), [])), {}),
    Networks: v.nullish(v.record(v.string(), Attachment), {}),
  }),
});
export type Inspect = v.InferOutput<typeof Inspect>;

const Row = v.object({
  Id: id,
  Names: v.fallback(v.array(v.string()), []),
  Labels: v.fallback(v.record(v.string(), v.string()), {}),
});
export type Row = v.InferOutput<typeof Row>;

const Network = v.object({ Id: id, Driver: text, Ingress: flag });

const Info = v.object({
  ID: id,
  SystemTime: text,
  Swarm: v.nullish(v.object({ NodeID: text, NodeAddr: text, LocalNodeState: text }), {}),
});

/** @throws EngineError that names what is wrong */
export function readInspect(json: unknown): Inspect {
  return parse(Inspect, json, "inspect");
}

/** @throws EngineError if any row is without identity: a listing that is not whole is none */
export function readRows(json: unknown): readonly Row[] {
  return parse(v.array(Row), json, "container list");
}

export type NetworkKind = "bridge" | "overlay" | "routable" | "ingress" | "none";

/** @returns network id → what its addresses are good for */
export function readNetworks(json: unknown): ReadonlyMap<string, NetworkKind> {
  return new Map(
    parse(v.array(Network), json, "network list").map((network) => [
      network.Id,
      kindOf(network.Driver, network.Ingress),
    ]),
  );
}

function kindOf(driver: string, ingress: boolean): NetworkKind {
  if (ingress) return "ingress";
  if (driver === "overlay") return "overlay";
  if (driver === "macvlan" || driver === "ipvlan") return "routable";
  return driver === "host" || driver === "null" ? "none" : "bridge";
}

export interface EngineInfo {
  /** The Swarm node's id, else the engine's own. */
  readonly id: string;
  /** The address that the Swarm advertises for this node; null outside a swarm. */
  readonly swarmAddress: string | null;
  /** The engine's clock, s since the epoch in whole ms; null if it tells none. */
  readonly time: number | null;
}

/** @throws EngineError that names what is wrong */
export function readInfo(json: unknown): EngineInfo {
  const { ID, SystemTime, Swarm } = parse(Info, json, "info");
  const inSwarm = Swarm.LocalNodeState === "active" && Swarm.NodeID !== "";
  const time = Date.parse(SystemTime);
  return {
    id: inSwarm ? Swarm.NodeID : ID,
    swarmAddress: inSwarm && Swarm.NodeAddr !== "" ? Swarm.NodeAddr : null,
    time: Number.isNaN(time) ? null : time / 1000,
  };
}

function parse<S extends v.GenericSchema>(schema: S, json: unknown, what: string): v.InferOutput<S> {
  const { success, output, issues } = v.safeParse(schema, json);
  if (success) return output;
  const [issue] = issues;
  throw new EngineError(
    `docker: the engine's ${what} has no proper ${v.getDotPath(issue) ?? "shape"}: ${misfitOf(issue)}`,
  );
}
