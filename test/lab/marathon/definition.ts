/** A definition at a version, the same for apps and pods and for both of Marathon's shapes. Pure. */
import type {
  AppSpec,
  HealthCheckSpec,
  PodSpec,
  PortDefinitionSpec,
  PortMappingSpec,
  UnreachableStrategy,
} from "./spec.ts";
import type { Traits } from "./versions.ts";

export type NetworkMode = "host" | "bridge" | "container";

export interface DeclaredPort {
  readonly name: string | null;
  /** `tcp`, `udp` or `udp,tcp`. */
  readonly protocol: string;
  /** null in host mode; 0: the same as the host port. */
  readonly containerPort: number | null;
  /** null: none is given; 0: any. */
  readonly hostPort: number | null;
  /** 0: not assigned yet; null: it has none (pods, discovery ports of IP per task). */
  readonly servicePort: number | null;
  readonly labels: Readonly<Record<string, string>>;
}

export interface ContainerDefinition {
  /** null for the one container of an app. */
  readonly name: string | null;
  readonly ports: readonly DeclaredPort[];
  readonly checks: readonly HealthCheckSpec[];
}

interface DefinitionBase {
  readonly id: string;
  readonly version: string;
  /** Version of the last change of anything but the number of instances. */
  readonly configuredAt: string;
  readonly scaledAt: string;
  readonly instances: number;
  readonly mode: NetworkMode;
  readonly networkName: string | null;
  readonly containers: readonly ContainerDefinition[];
  readonly minimumHealthCapacity: number;
  readonly maximumOverCapacity: number;
  readonly unreachable: UnreachableStrategy;
  /** Relaunched on its own agent, whatever becomes of its tasks. */
  readonly isResident: boolean;
  readonly hasReadiness: boolean;
}

export interface AppDefinition extends DefinitionBase {
  readonly kind: "app";
  readonly requirePorts: boolean;
  readonly spec: AppSpec;
}

export interface PodDefinition extends DefinitionBase {
  readonly kind: "pod";
  readonly spec: PodSpec;
}

export type Definition = AppDefinition | PodDefinition;

/** When it was made and changed. */
export type Stamps = Pick<DefinitionBase, "version" | "configuredAt" | "scaledAt">;

export interface Defaults {
  readonly traits: Traits;
  readonly unreachable: UnreachableStrategy;
}

/** `shop/web` → `/shop/web`. */
export function absolute(id: string): string {
  return id.startsWith("/") ? id : `/${id}`;
}

export function appDefinition(spec: AppSpec, stamps: Stamps, { traits, unreachable }: Defaults): AppDefinition {
  const mode = appMode(spec);
  return {
    kind: "app",
    id: absolute(spec.id),
    ...stamps,
    instances: spec.instances ?? 1,
    mode,
    networkName: mode === "container" ? (spec.networks?.[0]?.name ?? spec.ipAddress?.networkName ?? "dcos") : null,
    requirePorts: spec.requirePorts ?? false,
    containers: [{ name: null, ports: appPorts(spec, mode, traits), checks: spec.healthChecks ?? [] }],
    minimumHealthCapacity: spec.upgradeStrategy?.minimumHealthCapacity ?? 1,
    maximumOverCapacity: spec.upgradeStrategy?.maximumOverCapacity ?? 1,
    unreachable: spec.unreachableStrategy ?? unreachable,
    isResident: isResident(spec),
    hasReadiness: (spec.readinessChecks ?? []).length > 0,
    spec,
  };
}

function isResident(spec: AppSpec): boolean {
  const volumes = spec.container?.volumes ?? [];
  return (spec.residency ?? null) !== null || volumes.some(({ persistent }) => persistent !== undefined);
}

function networkMode(mode: string | undefined): NetworkMode {
  if (mode === "container/bridge") return "bridge";
  return mode === "host" ? "host" : "container";
}

function appMode(spec: AppSpec): NetworkMode {
  const network = spec.networks?.[0];
  if (network !== undefined) return networkMode(network.mode);
  switch (spec.container?.docker?.network) {
    case "BRIDGE":
      return "bridge";
    case "USER":
      return "container";
    default:
      return (spec.ipAddress ?? null) === null ? "host" : "container";
  }
}

function appPorts(spec: AppSpec, mode: NetworkMode, traits: Traits): readonly DeclaredPort[] {
  if (mode === "host") return definedPorts(spec, traits).map((port) => hostPort(port, spec.requirePorts ?? false));
  const mappings = spec.container?.portMappings ?? spec.container?.docker?.portMappings;
  if (mappings) return mappings.map((mapping) => mappedPort(mapping, mode));
  return (spec.ipAddress?.discovery?.ports ?? []).map(({ number, name, protocol }) => ({
    name,
    protocol: protocol ?? "tcp",
    containerPort: number,
    hostPort: null,
    servicePort: null,
    labels: {},
  }));
}

/** Without any declaration Marathon gives one port. */
function definedPorts(spec: AppSpec, traits: Traits): readonly PortDefinitionSpec[] {
  return (
    spec.portDefinitions ??
    spec.ports?.map((port) => ({ port })) ??
    (traits.hasInstances ? [{ port: 0, name: "default" }] : [{ port: 0 }])
  );
}

function hostPort({ port = 0, protocol, name, labels }: PortDefinitionSpec, isRequired: boolean): DeclaredPort {
  return {
    name: name ?? null,
    protocol: protocol ?? "tcp",
    containerPort: null,
    hostPort: isRequired ? port : 0,
    servicePort: port,
    labels: labels ?? {},
  };
}

function mappedPort(mapping: PortMappingSpec, mode: NetworkMode): DeclaredPort {
  return {
    name: mapping.name ?? null,
    protocol: mapping.protocol ?? "tcp",
    containerPort: mapping.containerPort ?? 0,
    hostPort: mapping.hostPort ?? (mode === "bridge" ? 0 : null),
    servicePort: mapping.servicePort ?? 0,
    labels: mapping.labels ?? {},
  };
}

export function podDefinition(spec: PodSpec, stamps: Stamps, { unreachable }: Defaults): PodDefinition {
  const mode = networkMode(spec.networks?.[0]?.mode ?? "host");
  return {
    kind: "pod",
    id: absolute(spec.id),
    ...stamps,
    instances: spec.scaling?.instances ?? 1,
    mode,
    networkName: mode === "container" ? (spec.networks?.[0]?.name ?? "dcos") : null,
    containers: spec.containers.map(({ name, endpoints, healthCheck }) => ({
      name,
      ports: (endpoints ?? []).map((endpoint) => podPort(endpoint, mode)),
      checks: healthCheck ? [{ protocol: "MESOS_HTTP", ...healthCheck }] : [],
    })),
    minimumHealthCapacity: spec.scheduling?.upgrade?.minimumHealthCapacity ?? 1,
    maximumOverCapacity: spec.scheduling?.upgrade?.maximumOverCapacity ?? 1,
    unreachable: spec.scheduling?.unreachableStrategy ?? unreachable,
    isResident: false,
    hasReadiness: false,
    spec,
  };
}

type EndpointSpec = NonNullable<PodSpec["containers"][number]["endpoints"]>[number];

function podPort({ name, containerPort, hostPort, protocol, labels }: EndpointSpec, mode: NetworkMode): DeclaredPort {
  return {
    name,
    protocol: (protocol ?? ["tcp"]).join(","),
    containerPort: mode === "host" ? null : (containerPort ?? 0),
    hostPort: hostPort ?? (mode === "host" ? 0 : null),
    servicePort: null,
    labels: labels ?? {},
  };
}
