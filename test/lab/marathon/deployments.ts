/** Deployments, level-triggered: each step brings the instances of its apps closer to their target, whatever happened. */

import type { Definition } from "./definition.ts";
import { appTerminated, deploymentEnded, deploymentStep, healthCheckAdded, healthCheckRemoved } from "./events.ts";
import { isServing } from "./health.ts";
import type { Life } from "./lifecycle.ts";
import type { Action, ActionName, Deployment, Instance, RootGroup, RunSpec } from "./state.ts";
import type { World } from "./world.ts";

/** Which apps and pods a deployment starts, scales, restarts and stops. */
export interface Plan {
  readonly version: string;
  readonly original: RootGroup;
  readonly target: RootGroup;
  readonly changes: readonly { readonly spec: RunSpec; readonly change: ActionName }[];
}

export interface Deployments {
  /** @returns the deployment's id */
  begin(plan: Plan): string;
  /** Ends those that work on one of these apps, as `force=true` does. */
  cancel(ids: ReadonlySet<string>, reason: string): void;
  /** Looks at one app or pod again: replaces what is missing, and lets its deployment go on. */
  settle(specId: string): void;
}

export function createDeployments(world: World, life: () => Life): Deployments {
  const { state } = world;

  function enter(deployment: Deployment): void {
    deploymentStep(world, "deployment_info", deployment);
    for (const action of deployment.steps[deployment.step] ?? []) enterAction(action);
    advance(deployment);
  }

  function enterAction({ id, name }: Action): void {
    const spec = state.specs.get(id);
    if (spec === undefined) return;
    const checks = spec.target?.containers.flatMap((container) => container.checks) ?? [];
    // On every step, not only on the first.
    for (const check of checks) healthCheckAdded(world, id, spec.target?.version ?? "", check);
    if (name === "Stop") healthCheckRemoved(world, id);
    if (name !== "Start") reconcile(spec);
  }

  function advance(deployment: Deployment): void {
    const actions = deployment.steps[deployment.step] ?? [];
    if (!state.deployments.includes(deployment) || !actions.every(isDone)) return;
    for (const action of actions) finish(action);
    deploymentStep(world, "deployment_step_success", deployment);
    deployment.step += 1;
    if (deployment.step < deployment.steps.length) {
      enter(deployment);
    } else {
      state.deployments = state.deployments.filter((other) => other !== deployment);
      deploymentEnded(world, deployment, null);
    }
  }

  function isDone({ name, id }: Action): boolean {
    const spec = state.specs.get(id);
    if (spec === undefined || name === "Start") return true;
    if (name === "Stop") return spec.instances.size === 0;
    return isSettled(spec);
  }

  function finish({ name, id }: Action): void {
    if (name !== "Stop") return;
    appTerminated(world, id);
    const spec = state.specs.get(id);
    // It may have been created again meanwhile.
    if (spec !== undefined && spec.target === null && spec.visible === null) state.specs.delete(id);
  }

  function reconcile(spec: RunSpec): void {
    const { target } = spec;
    if (target === null) {
      for (const instance of [...spec.instances.values()]) life().kill(instance);
      return;
    }
    const { fresh, old } = divide(spec);
    const missing = Math.min(target.instances - fresh.length, capacity(target) - fresh.length - old.length);
    for (let count = 0; count < missing; count++) life().start(spec, target);
    for (const instance of surplus(spec)) life().kill(instance);
  }

  return {
    begin({ version, original, target, changes }) {
      const deployment: Deployment = {
        id: world.random.uuid(),
        version,
        steps: stepsOf(changes),
        step: 0,
        original,
        target,
      };
      state.deployments.push(deployment);
      enter(deployment);
      return deployment.id;
    },
    cancel(ids, reason) {
      for (const deployment of state.deployments) {
        if (!deployment.steps.some((actions) => actions.some(({ id }) => ids.has(id)))) continue;
        state.deployments = state.deployments.filter((other) => other !== deployment);
        deploymentEnded(world, deployment, reason);
      }
    },
    settle(specId) {
      const spec = state.specs.get(specId);
      if (spec === undefined) return;
      reconcile(spec);
      for (const deployment of [...state.deployments]) {
        const actions = deployment.steps[deployment.step] ?? [];
        if (actions.some(({ id }) => id === specId)) advance(deployment);
      }
    },
  };
}

/** A new app is started with none and then scaled. */
function stepsOf(changes: Plan["changes"]): readonly (readonly Action[])[] {
  const actions = changes.map(({ spec, change }) => action(spec, change));
  const scales = changes.flatMap(({ spec, change }) => (change === "Start" ? [action(spec, "Scale")] : []));
  return [actions, ...(scales.length > 0 ? [scales] : [])];
}

function action({ id, target, visible, instances }: RunSpec, name: ActionName): Action {
  const [instance] = instances.values();
  const kind = target?.kind ?? visible?.kind ?? instance?.definition.kind ?? "app";
  return { name, kind, id };
}

/** How many may run at a time while old ones are replaced: at least one more where none of them can be missed. */
function capacity({ instances, minimumHealthCapacity, maximumOverCapacity }: Definition): number {
  const most = Math.floor(instances * (1 + maximumOverCapacity));
  return most === instances && Math.ceil(instances * minimumHealthCapacity) === instances ? instances + 1 : most;
}

/** Instances that are to run: of the present configuration, and of older ones. A change of scale makes none old. */
function divide({ target, instances }: RunSpec): { readonly fresh: Instance[]; readonly old: Instance[] } {
  const [fresh, old]: [Instance[], Instance[]] = [[], []];
  for (const instance of instances.values()) {
    // What is out of sight for good counts no more, until it is back.
    if (instance.goal === "stopped" || instance.condition === "UnreachableInactive") continue;
    const isOld = target !== null && instance.definition.version < target.configuredAt;
    (isOld ? old : fresh).push(instance);
  }
  return { fresh, old };
}

function isSettled(spec: RunSpec): boolean {
  const { fresh, old } = divide(spec);
  const ending = [...spec.instances.values()].some(({ goal }) => goal === "stopped");
  return (
    !ending &&
    old.length === 0 &&
    fresh.length === spec.target?.instances &&
    fresh.every((instance) => isServing(instance))
  );
}

/** The youngest that are too many, and as many old ones as can be missed. */
function surplus(spec: RunSpec): readonly Instance[] {
  const { target } = spec;
  if (target === null) return [];
  const { fresh, old } = divide(spec);
  const tooMany = fresh.slice(target.instances);
  const serving = [...fresh.slice(0, target.instances), ...old].filter((instance) => isServing(instance)).length;
  const needed = Math.ceil(target.instances * target.minimumHealthCapacity);
  const useless = old.filter((instance) => !isServing(instance));
  const replaced = old.filter((instance) => isServing(instance)).slice(0, Math.max(0, serving - needed));
  return [...tooMany, ...useless, ...replaced];
}
