/**
 * What a service's containers are told themselves, each by the spec that it was made of: its service may have another one
 * since, and until the last container of the old one has ended both count. Pure.
 */
import { createHash } from "node:crypto";
import { canonicalJson } from "../../../src/json.ts";
import type { DefinedFact } from "../../../src/model.ts";
import { serviceEnvironment } from "../docker/facts.ts";
import type { ContainerSpec, Service, Task } from "./shapes.ts";

export interface Told extends Pick<DefinedFact, "labels" | "environment"> {
  /** Key of the definition: another one for each content, so that what it says never changes under a container. */
  readonly definition: string;
}

/** What is told to the container of a task, by task id: where the task does not say so, what its service has now. */
export function toldToTasks(services: readonly Service[], tasks: readonly Task[]): ReadonlyMap<string, Told> {
  const current = new Map(services.map(({ ID, Spec }) => [ID, Spec.TaskTemplate.ContainerSpec]));
  return new Map(
    tasks.map(({ ID, ServiceID, Spec }) => [ID, told(ServiceID, Spec?.ContainerSpec ?? current.get(ServiceID))]),
  );
}

/** What is told to a service's containers: to new ones, and to those of these tasks. */
export function toldIn(
  { ID, Spec }: Service,
  tasks: readonly Task[],
  toTasks: ReadonlyMap<string, Told>,
): readonly Told[] {
  const own = tasks.filter(({ ServiceID }) => ServiceID === ID).flatMap((task) => toTasks.get(task.ID) ?? []);
  const all = [told(ID, Spec.TaskTemplate.ContainerSpec), ...own];
  return [...new Map(all.map((each) => [each.definition, each])).values()];
}

function told(service: string, spec: ContainerSpec | null | undefined): Told {
  const { Labels: labels = {}, Env = [] } = spec ?? {};
  const environment = serviceEnvironment(Env);
  const digest = createHash("sha256").update(canonicalJson({ labels, environment })).digest("hex").slice(0, 12);
  return { definition: `containers:${service}@${digest}`, labels, environment };
}
