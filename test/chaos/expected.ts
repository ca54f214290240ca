/** What the registries should hold of what runs: pure, in the words of `held.ts`, and without any of Muster's own code. */
import type { RegistryName } from "./fault.ts";
import type { Endpoint, Service } from "./running.ts";

export interface Expected {
  /** Lines that a registry must hold. */
  readonly must: readonly string[];
  /** Those that it may hold besides; a `*` at the end stands for anything. */
  readonly may: readonly string[];
}

type Found = Readonly<Record<RegistryName, { readonly must: string[]; readonly may: string[] }>>;
type Labels = Readonly<Record<string, string>>;

export function expectedOf(
  endpoints: readonly Endpoint[],
  services: readonly Service[],
): Readonly<Record<RegistryName, Expected>> {
  const labelsOf = new Map(services.map(({ name, labels }) => [name, labels]));
  const nothing = () => ({ must: [], may: [] });
  const found: Found = { consul: nothing(), kong: nothing(), vulcand: nothing(), alb: nothing() };
  const isSeveral = severalPorts(endpoints);
  for (const endpoint of endpoints) {
    const { task, service, labels } = endpoint;
    const all = { ...(service === null ? {} : labelsOf.get(service)), ...labels };
    addEndpoint(found, endpoint, all, isSeveral.has(task));
  }
  for (const service of services) addKept(found, service);
  return found;
}

/** @param labels the service's and the container's */
function addEndpoint(found: Found, endpoint: Endpoint, labels: Labels, isOneOfSeveral: boolean): void {
  const { task, at, containerPort, service } = endpoint;
  const base = labels["muster.name"] ?? service ?? "";
  const name = isOneOfSeveral ? `${base}-${containerPort}` : base;
  const { "muster.tags": tags = "", "muster.meta.build": build = "", "muster.alb.target-group": group } = labels;
  found.consul.must.push(`service ${name} ${at} of ${task} tags ${tags} build ${build}`);
  found.kong.must.push(`target ${name} ${at} of ${task} weight 100`);
  found.vulcand.must.push(`server ${name} ${at} of ${task}`);
  if (group !== undefined) found.alb.must.push(`target ${group} ${at}`);
  addShared(found, name, hostOf(labels, containerPort), "must");
}

/** A service without instances keeps its routes (decision 009), whichever ports it had, and those as they were. */
function addKept(found: Found, { name, labels, wanted }: Service): void {
  const base = labels["muster.name"] ?? name;
  for (const each of [base, `${base}-8080`, `${base}-9090`]) {
    addShared(found, each, undefined, "may");
    if (wanted > 0) continue;
    found.kong.may.push(`service ${each} to ${each}`, `route ${each} for *`);
    found.vulcand.may.push(`frontend ${each} for *`, `host ${name}-*`);
  }
}

function hostOf(labels: Labels, containerPort: number): string | undefined {
  return labels[`muster.${containerPort}.route.host`] ?? labels["muster.route.host"];
}

function severalPorts(endpoints: readonly Endpoint[]): ReadonlySet<string> {
  const count = new Map<string, number>();
  for (const { task } of endpoints) count.set(task, (count.get(task) ?? 0) + 1);
  return new Set([...count].flatMap(([task, ports]) => (ports > 1 ? [task] : [])));
}

/** What belongs to a service, once, however many instances it has. */
function addShared(found: Found, name: string, host: string | undefined, how: "must" | "may"): void {
  const add = (registry: RegistryName, ...lines: readonly string[]) => {
    for (const line of lines) if (!found[registry][how].includes(line)) found[registry][how].push(line);
  };
  add("kong", `upstream ${name}`);
  add("vulcand", `backend ${name}`);
  if (host === undefined) return;
  add("kong", `service ${name} to ${name}`, `route ${name} for ${host}`);
  add("vulcand", `host ${host}`, `frontend ${name} for Host("${host}")`);
}
