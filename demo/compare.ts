/** Is what the registry holds what really runs? Judged from the engine and the registry alone: Muster is not asked. */
import * as v from "valibot";
import type { DockerHost } from "../test/lab/host.ts";
import { LABEL } from "./containers.ts";
import type { Entry } from "./registry.ts";

/** What must be registered for a container. */
export interface Expected {
  readonly task: string;
  /** The container's name, for messages. */
  readonly name: string;
  readonly service: string;
  readonly address: string;
  readonly port: number;
}

const Inspected = v.array(
  v.object({
    Id: v.string(),
    Name: v.string(),
    Config: v.object({ Labels: v.record(v.string(), v.string()) }),
    State: v.object({ Status: v.string(), Health: v.nullish(v.object({ Status: v.string() })) }),
    NetworkSettings: v.object({
      Ports: v.record(v.string(), v.nullable(v.array(v.object({ HostIp: v.string(), HostPort: v.string() })))),
    }),
  }),
);

/** The demo's containers that run and are not unwell. @param address where the engine's published ports are reached */
export async function expectedOf(host: DockerHost, address: string, signal: AbortSignal): Promise<readonly Expected[]> {
  const ids = (await host.docker(["ps", "-q", "--no-trunc", "--filter", `label=${LABEL}`], { signal })).split("\n");
  const running = ids.filter((id) => id !== "");
  if (running.length === 0) return [];
  const inspected = v.parse(Inspected, JSON.parse(await host.docker(["inspect", ...running], { signal })));
  return inspected.flatMap(({ Id: task, Name, Config, State, NetworkSettings }) => {
    const isFit = State.Status === "running" && (State.Health?.Status ?? "healthy") === "healthy";
    const port = Number(NetworkSettings.Ports["8080/tcp"]?.find(({ HostIp }) => !HostIp.includes(":"))?.HostPort);
    const service = Config.Labels["muster.name"] ?? "";
    return isFit ? [{ task, name: Name.replace("/", ""), service, address, port }] : [];
  });
}

/** Everything in which the two differ, one line each; empty if they are equal. */
export function differences(
  expected: readonly Expected[],
  entries: readonly Entry[],
  registry: string,
): readonly string[] {
  const strays = entries.filter(({ task }) => !expected.some((one) => one.task === task));
  return [
    ...expected.flatMap((one) => differencesOf(one, entries, registry)),
    ...strays.map(({ id, task }) => `${registry} has ${id}, but its task ${task.slice(0, 12)} does not run`),
  ];
}

function differencesOf(
  { task, name, service, address, port }: Expected,
  all: readonly Entry[],
  registry: string,
): string[] {
  const entries = all.filter((entry) => entry.task === task);
  const [entry] = entries;
  if (entry === undefined) return [`${name} runs, but ${registry} does not have it`];
  if (entries.length > 1) return [`${registry} has ${name} ${entries.length} times`];
  const is = `${entry.service} at ${entry.address}:${entry.port}`;
  const should = `${service} at ${address}:${port}`;
  return is === should ? [] : [`${registry} has ${name} as ${is}, but it is ${should}`];
}
