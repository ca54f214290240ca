/** What is registered and what really runs, in one form: a line for each endpoint, and for each app that exists. */
import { definitionKey } from "../../adapters/sources/marathon/facts.ts";
import { createCorrelator } from "../../src/correlate.ts";
import type { Fact, Instance } from "../../src/model.ts";
import type { World } from "../../src/world.ts";
import type { Cluster } from "../lab/marathon/cluster.ts";

type TrueTask = ReturnType<Cluster["truth"]>[number];

export function endpointsReady(world: World): readonly string[] {
  return [...world.instances()]
    .filter(({ state }) => state === "ready")
    .map(lineOf)
    .sort(byText);
}

/** Those that should be registered, sorted. */
export function endpointsTrue(cluster: Cluster): readonly string[] {
  return linesOf(cluster, ({ running, healthy }) => running && healthy).sort(byText);
}

/** Those that exist, whatever state their tasks are in. */
export function endpointsNow(cluster: Cluster): readonly string[] {
  return linesOf(cluster, () => true);
}

function linesOf(cluster: Cluster, isWanted: (task: TrueTask) => boolean): string[] {
  // Before 1.0 no answer tells a task's own address, and Marathon knew no such apps: the simulator allows them.
  const hasOwn = cluster.traits.ipAddresses !== "never";
  return cluster
    .truth()
    .filter(isWanted)
    .flatMap(({ task, host, endpoints }) =>
      endpoints.filter(({ address }) => hasOwn || address === host).map((endpoint) => text({ task, ...endpoint })),
    );
}

export function lineOf(instance: Instance): string {
  return text({ ...instance, address: instance.address ?? "" });
}

interface Shown {
  readonly task: string;
  readonly address: string;
  readonly port: number | null;
  readonly protocol: string;
  readonly containerPort: number | null;
  readonly servicePort: number | null;
}

function text({ task, address, port, protocol, containerPort, servicePort }: Shown): string {
  return `${task} ${address}:${port}/${protocol} of ${containerPort} for ${servicePort}`;
}

export function definitionsStanding(facts: readonly Fact[]): readonly string[] {
  const correlator = createCorrelator();
  for (const fact of facts) correlator.join(fact);
  const standing = [...correlator.definitions()].filter(({ definition }) => definition.standing);
  return standing.map(({ definition }) => definition.definition).sort(byText);
}

export function definitionsTrue({ state, frameworkId }: Cluster): readonly string[] {
  return [...state.specs.values()]
    .flatMap(({ visible }) => (visible === null ? [] : [visible]))
    .flatMap(({ id, kind, version, containers }) =>
      containers.map(({ name }) => definitionKey(frameworkId, id, kind === "pod" ? name : null, version)),
    )
    .sort(byText);
}

function byText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
