/** Containers on a real engine, and what a real Consul holds of them: the two sides that must be equal. */
import type { Consul } from "../lab/consul.ts";
import { engineApi } from "../lab/docker-api.ts";
import type { Engine } from "../lab/engine.ts";
import { until } from "../lab/wait.ts";

export interface ConsulService {
  readonly ID: string;
  readonly Service: string;
  readonly Address: string;
  readonly Port: number;
  readonly Tags: readonly string[];
  readonly Meta: Readonly<Record<string, string>>;
}

export async function services(consul: Consul): Promise<readonly ConsulService[]> {
  return Object.values((await consul.request({ path: "/v1/agent/services" })) as Record<string, ConsulService>);
}

/** Makes containers that cost little to start: no network namespace, a port by label. @returns their ids */
export async function createFleet(
  engine: Engine,
  names: readonly string[],
  firstPort = 20_000,
): Promise<readonly string[]> {
  return await Promise.all(
    names.map(async (name, index) => {
      const body = JSON.stringify({
        Image: "lab/sleep:v1",
        Labels: { "muster.port": String(firstPort + index), "muster.name": "fleet" },
        HostConfig: { NetworkMode: "host" },
        StopTimeout: 1,
      });
      const answer = await engineApi(engine.socket, { method: "POST", path: `/containers/create?name=${name}`, body });
      return (JSON.parse(answer) as { Id: string }).Id;
    }),
  );
}

export async function all(engine: Engine, ids: readonly string[], action: "start" | "kill" | "stop"): Promise<void> {
  await Promise.all(ids.map((id) => engineApi(engine.socket, { method: "POST", path: `/containers/${id}/${action}` })));
}

export async function remove(engine: Engine, ids: readonly string[]): Promise<void> {
  await Promise.all(ids.map((id) => engineApi(engine.socket, { method: "DELETE", path: `/containers/${id}?force=1` })));
}

async function running(engine: Engine): Promise<readonly string[]> {
  const answer = await engineApi(engine.socket, { path: "/containers/json" });
  return (JSON.parse(answer) as { Id: string; State: string }[])
    .filter(({ State }) => State === "running")
    .map(({ Id }) => Id);
}

/** Waits until Consul holds exactly the running containers, and fails with the difference. */
export async function untilEqual(engine: Engine, consul: Consul, timeoutMs: number): Promise<void> {
  let difference = "";
  await until(
    async () => {
      const [runs, held] = await Promise.all([running(engine), services(consul)]);
      const tasks = held.filter(isOurs).map(({ Meta }) => Meta["muster_task"] ?? "");
      const missing = runs.filter((id) => !tasks.includes(id));
      const stale = tasks.filter((id) => !runs.includes(id));
      difference = `${missing.length} missing, ${stale.length} stale`;
      if (tasks.length !== new Set(tasks).size) difference += ", some twice";
      return missing.length === 0 && stale.length === 0 && tasks.length === runs.length;
    },
    { timeoutMs, everyMs: 20, what: "Consul to hold exactly what runs" },
  ).catch((error: unknown) => {
    throw new Error(`${error instanceof Error ? error.message : String(error)} (${difference})`);
  });
}

/** By Muster's marks in id and meta together; what {@link addStrangers} makes has at most one of them right. */
function isOurs({ ID, Meta }: ConsulService): boolean {
  return ID.startsWith("muster:") && Meta["muster_id"] !== undefined && ID.endsWith(Meta["muster_id"]);
}

/** Services of others, some of them named and marked much like ours. */
export async function addStrangers(consul: Consul, node: string): Promise<void> {
  const bodies = [
    { ID: "theirs", Name: "web", Port: 1, Meta: { team: "other" } },
    {
      ID: `muster:default:${node}:theirs:8080`,
      Name: "fleet",
      Port: 2,
      Meta: { muster_owner: "default/another-node" },
    },
    { ID: "muster:default", Name: "fleet", Port: 3 },
    {
      ID: "copied",
      Name: "fleet",
      Port: 4,
      Meta: { muster_owner: `default/${node}`, muster_source: "docker", muster_task: "x", muster_id: "x:1" },
    },
    { ID: "consul-like", Name: "consul", Port: 5, Tags: ["muster"] },
  ];
  for (const body of bodies) await consul.request({ method: "PUT", path: "/v1/agent/service/register", body });
}

/** What {@link addStrangers} put there, as Consul gives it now. */
export async function strangers(consul: Consul): Promise<readonly ConsulService[]> {
  const own = ["theirs", "muster:default", "copied", "consul-like"];
  return (await services(consul)).filter(({ ID }) => own.includes(ID) || ID.endsWith(":theirs:8080"));
}
