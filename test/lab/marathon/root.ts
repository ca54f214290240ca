/** What people order: apps, pods and groups come, change and go. Each order is one new root group and one deployment. */
import {
  type AppDefinition,
  absolute,
  appDefinition,
  type Definition,
  podDefinition,
  type Stamps,
} from "./definition.ts";
import type { Deployments, Plan } from "./deployments.ts";
import { apiPost, groupChanged, podChanged } from "./events.ts";
import { isWithin, parentOf } from "./groups.ts";
import { changeOf, emptyApp, fresh, groupApps, rootGroup } from "./orders.ts";
import { assignServicePorts } from "./placement.ts";
import type { AppPatch, AppSpec, GroupSpec, PodPatch, PodSpec } from "./spec.ts";
import type { ActionName, RunSpec } from "./state.ts";
import { later, newVersion, specOf, type World } from "./world.ts";

export interface Change {
  readonly version: string;
  readonly deploymentId: string;
}

export interface Root {
  /** As POST /v2/apps: api_post_event with service ports that are not assigned yet. @throws where it exists */
  deploy(app: AppSpec): Change;
  /** As PUT /v2/apps/{id}: a new version, rolled out. Only a new number of instances leaves running tasks alone. */
  update(id: string, patch: AppPatch): Change;
  /** As PUT /v2/apps/{id} with `instances` (for a pod: its scaling). */
  scale(id: string, instances: number): Change;
  /** As the button in the UI: a new version and new tasks, without api_post_event. */
  restart(id: string): Change;
  /** As DELETE /v2/deployments/{id}: back to the definition before, under a new version, without api_post_event. */
  rollback(id: string): Change;
  /** As DELETE: tasks are killed; no event says that it was asked for, but for a pod. */
  destroy(id: string): Change;
  /** As PUT /v2/groups: creates and updates all apps in it, in one deployment, without api_post_event. */
  group(group: GroupSpec): Change;
  destroyGroup(id: string): Change;
  createPod(pod: PodSpec): Change;
  updatePod(id: string, patch: PodPatch): Change;
}

/** What becomes of one app or pod; `next` null: it goes. */
interface Edit {
  readonly spec: RunSpec;
  readonly next: Definition | null;
  readonly change: ActionName;
}

interface AppEdit {
  readonly edit: Edit;
  /** Before and after service ports are assigned. */
  readonly posted: AppDefinition;
  readonly next: AppDefinition;
}

/** As `--zk_max_versions`. */
const MAX_VERSIONS = 50;

/** `shrink`: as a DELETE of a task with `scale=true`. */
export function createRoot(world: World, deployments: Deployments): Root & { shrink: Root["scale"] } {
  const { state } = world;
  const defaults = { traits: world.traits, unreachable: world.settings.unreachableStrategy };

  /** The root group with these edits, and the deployment that carries them out. */
  function commit(version: string, groupId: string, edits: readonly Edit[], announce: () => void = () => {}): Change {
    const original = rootGroup(state);
    for (const { spec, next } of edits) {
      spec.target = next;
      if (next !== null) spec.versions.set(next.version, next);
      for (const [old] of spec.versions) if (spec.versions.size > MAX_VERSIONS) spec.versions.delete(old);
    }
    state.rootVersion = version;
    deployments.cancel(new Set(edits.map(({ spec }) => spec.id)), "deployment was cancelled");
    const plan: Plan = { version, original, target: rootGroup(state), changes: edits };
    const deploymentId = deployments.begin(plan);

    function show(): void {
      for (const { spec, next } of edits) {
        if (spec.target !== next) continue;
        spec.visible = next;
        if (next === null && spec.instances.size === 0) state.specs.delete(spec.id);
      }
      groupChanged(world, groupId, version);
      announce();
    }
    // The deployment starts before the root group is stored.
    if (world.rootDelay === 0) show();
    else later(world, world.rootDelay, show);
    return { version, deploymentId };
  }

  function specFor(id: string): RunSpec {
    const known = state.specs.get(id);
    if (known !== undefined) return known;
    const spec: RunSpec = {
      id,
      target: null,
      visible: null,
      versions: new Map(),
      instances: new Map(),
      lastFailure: null,
    };
    state.specs.set(id, spec);
    return spec;
  }

  function appEdit(spec: AppSpec, stamps: Stamps): AppEdit {
    const posted = appDefinition(spec, stamps, defaults);
    const run = specFor(posted.id);
    const next = assignServicePorts(world, posted, run.target);
    return { edit: { spec: run, next, change: changeOf(run, next) }, posted, next };
  }

  function targetOf(id: string): Definition {
    const { target } = specOf(world, id);
    if (target === null) throw new Error(`marathon simulator: ${id} is being stopped; create it again instead`);
    return target;
  }

  function mustBeFree(id: string): void {
    if (state.specs.get(id)?.target) throw new Error(`marathon simulator: ${id} exists; update it instead`);
  }

  /** The same definition under a new version. */
  function again(definition: Definition, stamps: Stamps): Edit {
    const run = specOf(world, definition.id);
    if (definition.kind === "app") return appEdit(definition.spec, stamps).edit;
    const next = podDefinition(definition.spec, stamps, defaults);
    return { spec: run, next, change: changeOf(run, next) };
  }

  function scaled(definition: Definition, instances: number): Definition {
    const version = newVersion(world);
    const stamps = { version, configuredAt: definition.configuredAt, scaledAt: version };
    return definition.kind === "app"
      ? { ...definition, ...stamps, instances, spec: { ...definition.spec, instances } }
      : {
          ...definition,
          ...stamps,
          instances,
          spec: { ...definition.spec, scaling: { ...definition.spec.scaling, instances } },
        };
  }

  function rescale(id: string, instances: number, isAnnounced: boolean): Change {
    const next = scaled(targetOf(id), instances);
    return commit(next.version, parentOf(id), [{ spec: specOf(world, id), next, change: "Scale" }], () => {
      if (isAnnounced && next.kind === "app") apiPost(world, `/v2/apps${id}`, next);
      if (isAnnounced && next.kind === "pod") podChanged(world, "updated", `/v2/pods${id}`);
    });
  }

  function stop(ids: readonly string[], groupId: string, announce?: () => void): Change {
    const edits = ids.map((id): Edit => ({ spec: specOf(world, id), next: null, change: "Stop" }));
    return commit(newVersion(world), groupId, edits, announce);
  }

  return {
    deploy(app) {
      mustBeFree(absolute(app.id));
      const { edit, posted } = appEdit(app, fresh(newVersion(world)));
      return commit(posted.version, parentOf(posted.id), [edit], () => apiPost(world, "/v2/apps", posted));
    },
    update(id, patch) {
      const { instances, ...rest } = patch;
      if (instances !== undefined && Object.keys(rest).length === 0) return rescale(id, instances, true);
      const target = targetOf(id);
      if (target.kind === "pod") throw new Error(`marathon simulator: ${id} is a pod; use updatePod`);
      const { edit, next } = appEdit({ ...target.spec, ...patch, id }, fresh(newVersion(world)));
      return commit(next.version, parentOf(id), [edit], () => apiPost(world, `/v2/apps${id}`, next));
    },
    scale: (id, instances) => rescale(id, instances, true),
    shrink: (id, instances) => rescale(id, instances, false),
    restart(id) {
      const version = newVersion(world);
      return commit(version, parentOf(id), [again(targetOf(id), fresh(version))]);
    },
    rollback(id) {
      const older = [...specOf(world, id).versions.values()].at(-2);
      if (older === undefined) throw new Error(`marathon simulator: ${id} has only one version, none to roll back to`);
      const version = newVersion(world);
      return commit(version, parentOf(id), [again(older, fresh(version))]);
    },
    destroy(id) {
      const target = targetOf(id);
      return stop([id], parentOf(id), () => {
        if (target.kind === "pod") podChanged(world, "deleted", `/v2/pods${id}`);
        else if (world.traits.postsDeletes) apiPost(world, `/v2/apps${id}`, emptyApp(target));
      });
    },
    group(group) {
      const stamps = fresh(newVersion(world));
      const edits = groupApps(group, "/").map((app) => appEdit(app, stamps).edit);
      return commit(stamps.version, absolute(group.id), edits);
    },
    destroyGroup(id) {
      const ids = [...state.specs.values()].filter((spec) => spec.target !== null && isWithin(spec.id, id));
      return stop(
        ids.map((spec) => spec.id),
        id,
      );
    },
    createPod(pod) {
      const next = podDefinition(pod, fresh(newVersion(world)), defaults);
      mustBeFree(next.id);
      const edit: Edit = { spec: specFor(next.id), next, change: "Start" };
      return commit(next.version, parentOf(next.id), [edit], () => podChanged(world, "created", "/v2/pods"));
    },
    updatePod(id, patch) {
      const target = targetOf(id);
      if (target.kind === "app") throw new Error(`marathon simulator: ${id} is an app; use update`);
      const next = podDefinition(
        { ...target.spec, ...patch, id, containers: patch.containers ?? target.spec.containers },
        fresh(newVersion(world)),
        defaults,
      );
      const edit: Edit = { spec: specOf(world, id), next, change: "Restart" };
      return commit(next.version, parentOf(id), [edit], () => podChanged(world, "updated", `/v2/pods${id}`));
    },
  };
}
