/** What each registry should show, worked out from reality alone, and how what it shows differs from that. */
import { sameJson } from "../../src/json.ts";
import type { Json } from "../../src/model.ts";
import { type App, isReady, type Reality, type Task } from "./reality.ts";
import { CLUSTER, type Entry } from "./registries.ts";
import type { RegistryName } from "./weather.ts";

export interface Difference {
  readonly registry: RegistryName;
  readonly key: string;
  /** Whose entry it is or should be: a node's id or `CLUSTER`. */
  readonly owner: string;
  readonly isServiceLevel: boolean;
  readonly what: "missing" | "dead" | "other content";
}

interface Wanted {
  readonly owner: string;
  readonly spec: Json;
}

type Entries = ReadonlyMap<string, Entry>;

export function differences(registry: RegistryName, entries: Entries, reality: Reality): readonly Difference[] {
  const wanted = registry === "consul" ? inConsul(reality) : inGateway(reality);
  const found: Difference[] = [];
  for (const [key, { owner, spec }] of wanted) {
    const entry = entries.get(key);
    const common = { registry, key, owner, isServiceLevel: false };
    if (entry === undefined) found.push({ ...common, what: "missing" });
    else if (entry.owner !== owner || !sameJson(entry.registration.spec, spec))
      found.push({ ...common, what: "other content" });
  }
  for (const [key, { owner, registration }] of entries) {
    if (owner === null || registration.instance === null || wanted.has(key)) continue;
    if (registration.draining === true && isStopping(reality, registration.task)) continue;
    found.push({ registry, key, owner, isServiceLevel: false, what: "dead" });
  }
  return registry === "consul" ? found : [...found, ...serviceLevel(entries, reality)];
}

function isStopping(reality: Reality, id: string | null): boolean {
  return reality.tasks.find((task) => task.id === id)?.state === "stopping";
}

function inConsul(reality: Reality): Map<string, Wanted> {
  return new Map(
    reality.ready().map((task) => {
      const { app, node, port } = task;
      const key = app.orchestrator === "swarm" ? `${task.id}:8080` : `${task.id}:${port}`;
      const spec = { service: app.name, address: node.address, port, tags: [`rev${revisionOf(task)}`] };
      return [key, { owner: ownerOf(task), spec }];
    }),
  );
}

function inGateway(reality: Reality): Map<string, Wanted> {
  return new Map(
    reality.ready().map((task) => {
      const { app, node, port } = task;
      return [`target:${app.name}/${node.address}:${port}`, { owner: ownerOf(task), spec: { weight: 100 } }];
    }),
  );
}

/** A swarm's services give all their tasks their present labels. */
function revisionOf({ app, revision }: Task): number {
  return app.orchestrator === "swarm" ? app.revision : revision;
}

function ownerOf({ app, node }: Task): string {
  return app.orchestrator === "swarm" ? node.id : CLUSTER;
}

/** A route may stay for as long as its service exists, and must be there and right while the service has instances. */
function serviceLevel(entries: Entries, reality: Reality): Difference[] {
  const found: Difference[] = [];
  const common = { registry: "gateway", owner: CLUSTER, isServiceLevel: true } as const;
  const living = reality.living();
  for (const app of reality.apps) {
    const own = living.filter((task) => task.app === app);
    const tasks = own.filter(isReady);
    const isAlive = app.exists || own.length > 0;
    for (const [key, spec] of objectsOf(app, tasks)) {
      const what = wrongOf(entries.get(key), spec, isAlive, tasks.length > 0);
      if (what !== null) found.push({ ...common, key, what });
    }
  }
  return found;
}

function wrongOf(entry: Entry | undefined, spec: Json, isAlive: boolean, isNeeded: boolean): Difference["what"] | null {
  if (entry === undefined) return isNeeded ? "missing" : null;
  if (!isAlive) return "dead";
  return isNeeded && !sameJson(entry.registration.spec, spec) ? "other content" : null;
}

function objectsOf(app: App, tasks: readonly Task[]): readonly (readonly [string, Json])[] {
  const [newest] = [...tasks].sort((a, b) => b.created - a.created || (a.id < b.id ? -1 : 1));
  const revision = newest === undefined ? app.revision : revisionOf(newest);
  const route = { hosts: [`${app.name}.example`], paths: [`/r${revision}`] };
  return [
    [`upstream:${app.name}`, { service: app.name }],
    [`route:${app.name}.0`, route],
  ];
}
