/** What really runs, as the engines and the managers say. Knows nothing of Muster's own code. */
import * as v from "valibot";
import { engineApi } from "../lab/docker-api.ts";
import type { Place } from "./stage.ts";

/** A port of a container that takes requests. */
export interface Endpoint {
  /** Number of the node. */
  readonly node: number;
  /** The swarm's task id, else the container's. */
  readonly task: string;
  /** `address:port` on the node. */
  readonly at: string;
  readonly containerPort: number;
  /** Of the swarm; null for a plain container. */
  readonly service: string | null;
  /** The container's own, with those that the engine gives it. */
  readonly labels: Readonly<Record<string, string>>;
}

/** A service of the swarm. */
export interface Service {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** How many tasks should run. */
  readonly wanted: number;
  readonly isUpdating: boolean;
}

/** For one answer of an engine. */
const ANSWER_MS = 3_000;

const Labels = v.nullish(v.record(v.string(), v.string()), {});
const Containers = v.array(
  v.object({
    Id: v.string(),
    State: v.string(),
    Status: v.string(),
    Labels,
    Ports: v.nullish(
      v.array(v.object({ PrivatePort: v.number(), PublicPort: v.optional(v.number()), Type: v.string() })),
      [],
    ),
  }),
);
const Services = v.array(
  v.object({
    Spec: v.object({ Name: v.string(), Labels }),
    ServiceStatus: v.object({ DesiredTasks: v.number() }),
    UpdateStatus: v.optional(v.object({ State: v.optional(v.string()) })),
  }),
);

async function ask<T>(socket: string, path: string, schema: v.GenericSchema<unknown, T>): Promise<T> {
  return v.parse(schema, JSON.parse(await engineApi(socket, { path, signal: AbortSignal.timeout(ANSWER_MS) })));
}

/** The endpoints on a node that are fit for requests: running, neither paused nor unhealthy. Throws if its engine does not answer. */
export async function runningOn({ node, number }: Place): Promise<readonly Endpoint[]> {
  const containers = await ask(node.socket, "/containers/json", Containers);
  return containers
    .filter(({ State, Status }) => State === "running" && !/\((?:unhealthy|health: starting)\)/.test(Status))
    .flatMap(({ Id, Labels: labels, Ports }) => {
      const task = labels["com.docker.swarm.task.id"] ?? Id;
      const service = labels["com.docker.swarm.service.name"] ?? null;
      // An engine names each port twice, for IPv4 and IPv6.
      const published = new Map(
        Ports.flatMap((port) => (port.PublicPort ? [[port.PublicPort, port.PrivatePort]] : [])),
      );
      return [...published].map(([port, containerPort]): Endpoint => {
        return { node: number, task, at: `${node.address}:${port}`, containerPort, service, labels };
      });
    });
}

/** The swarm's services, asked of a manager. Throws if it has no majority. */
export async function servicesAt({ node }: Place): Promise<readonly Service[]> {
  const services = await ask(node.socket, "/services?status=true", Services);
  return services.map(({ Spec, ServiceStatus, UpdateStatus }) => ({
    ...{
      name: Spec.Name,
      labels: Spec.Labels,
      wanted: ServiceStatus.DesiredTasks,
    },
    isUpdating: /^(?:updating|rollback_started)$/.test(UpdateStatus?.State ?? ""),
  }));
}
