/** Definitions as Marathon writes them: apps up to 1.4 and from 1.5, pods, groups, actions. Pure. */
import type { Json } from "../../../src/model.ts";
import type { AppDefinition, ContainerDefinition, DeclaredPort, PodDefinition } from "./definition.ts";
import type { HealthCheckSpec } from "./spec.ts";
import type { Action } from "./state.ts";
import type { Traits } from "./versions.ts";

export type JsonObject = { readonly [key: string]: Json };

/** What a person posted and the simulator does not act on, as it was. */
function asPosted(spec: object, omit: readonly string[]): JsonObject {
  const kept = Object.entries(spec).filter(([key, value]) => value !== undefined && !omit.includes(key));
  return Object.fromEntries(kept) as JsonObject;
}

const written = new WeakMap<AppDefinition, { readonly traits: Traits; readonly json: JsonObject }>();

/** An app without its tasks, as in `versions/{version}` and api_post_event. */
export function appJson(traits: Traits, definition: AppDefinition): JsonObject {
  const known = written.get(definition);
  if (known?.traits === traits) return known.json;
  const json = traits.hasNetworks ? networksShape(traits, definition) : dockerShape(traits, definition);
  written.set(definition, { traits, json });
  return json;
}

/** The keys that both shapes share. */
function common(traits: Traits, { id, instances, spec, version, configuredAt, scaledAt }: AppDefinition): JsonObject {
  return {
    backoffFactor: 1.15,
    backoffSeconds: 1,
    maxLaunchDelaySeconds: 3600,
    cpus: 0.1,
    mem: 128,
    disk: 0,
    executor: "",
    ...(traits.hasGpus ? { gpus: 0 } : {}),
    upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 1 },
    ...asPosted(spec, ["container", "networks", "ipAddress", "ports", "portDefinitions", "residency", "healthChecks"]),
    id,
    instances,
    labels: spec.labels ?? {},
    requirePorts: spec.requirePorts ?? false,
    version,
    versionInfo: { lastScalingAt: scaledAt, lastConfigChangeAt: configuredAt },
    ...(traits.hasInstances ? { killSelection: "YOUNGEST_FIRST" } : {}),
  };
}

/** From 1.5: `networks`, `container.portMappings`, `portDefinitions`. */
function networksShape(traits: Traits, definition: AppDefinition): JsonObject {
  const { spec, mode, networkName, unreachable, isResident } = definition;
  const [{ ports, checks }] = onlyContainer(definition);
  const list = (key: string, values: readonly Json[]): JsonObject =>
    values.length > 0 || traits.writesEmptyLists ? { [key]: values } : {};
  const container = networksContainer(definition, ports);
  return {
    ...common(traits, definition),
    ...(container === null ? {} : { container }),
    networks: [
      mode === "container" ? { mode, name: networkName } : { mode: mode === "bridge" ? "container/bridge" : "host" },
    ],
    ...(mode === "host" ? list("portDefinitions", ports.map(portDefinitionJson)) : {}),
    ...list(
      "healthChecks",
      checks.map((check) => checkJson(traits, check)),
    ),
    unreachableStrategy: unreachable,
    ...(isResident ? { residency: (spec.residency ?? RESIDENCY) as Json } : {}),
  };
}

function networksContainer({ spec, mode }: AppDefinition, ports: readonly DeclaredPort[]): JsonObject | null {
  if (!spec.container && mode === "host") return null;
  const { docker, volumes, type } = spec.container ?? {};
  const image: JsonObject = docker
    ? {
        docker: {
          forcePullImage: false,
          image: "",
          parameters: [],
          privileged: false,
          ...asPosted(docker, ["network", "portMappings"]),
        },
      }
    : {};
  return {
    type: type ?? "MESOS",
    ...image,
    volumes: (volumes ?? []) as Json,
    ...(mode === "host" ? {} : { portMappings: ports.map(portMappingJson) }),
  };
}

/** Up to 1.4: `container.docker.network`, its mappings, `ipAddress`, `ports`; null and empty lists are written. */
function dockerShape(traits: Traits, definition: AppDefinition): JsonObject {
  const { spec, unreachable, isResident } = definition;
  const [{ ports, checks }] = onlyContainer(definition);
  const servicePorts = ports.flatMap(({ servicePort }) => (servicePort === null ? [] : [servicePort]));
  return {
    cmd: null,
    args: null,
    user: null,
    env: {},
    constraints: [],
    uris: [],
    fetch: [],
    storeUrls: [],
    dependencies: [],
    readinessChecks: [],
    ...common(traits, definition),
    container: dockerContainer(definition, ports),
    healthChecks: checks.map((check) => checkJson(traits, check)),
    ports: servicePorts,
    ...(traits.hasPortDefinitions ? { portDefinitions: ports.flatMap(legacyPortDefinition) } : {}),
    ...(traits.ipAddresses === "never" ? {} : { ipAddress: ipAddressJson(definition, ports) }),
    ...(traits.hasInstances ? { unreachableStrategy: unreachable, secrets: {} } : {}),
    residency: isResident ? ((spec.residency ?? RESIDENCY) as Json) : null,
  };
}

const RESIDENCY = { relaunchEscalationTimeoutSeconds: 3600, taskLostBehavior: "WAIT_FOREVER" } as const;

const DOCKER_NETWORKS = { host: "HOST", bridge: "BRIDGE", container: "USER" } as const;

function dockerContainer({ spec, mode }: AppDefinition, ports: readonly DeclaredPort[]): Json {
  if (!spec.container && mode !== "bridge") return null;
  const { docker, volumes, type } = spec.container ?? {};
  const isMapped = mode !== "host" && !isDiscovered(ports);
  const image = docker || isMapped;
  return {
    type: type ?? "DOCKER",
    volumes: (volumes ?? []) as Json,
    ...(image
      ? {
          docker: {
            image: "",
            privileged: false,
            parameters: [],
            forcePullImage: false,
            ...asPosted(docker ?? {}, ["portMappings"]),
            network: DOCKER_NETWORKS[mode],
            portMappings: isMapped ? ports.map(portMappingJson) : [],
          },
        }
      : {}),
  };
}

/** Ports of IP per task, which have no service port. */
function isDiscovered(ports: readonly DeclaredPort[]): boolean {
  return ports.some(({ servicePort }) => servicePort === null);
}

function ipAddressJson({ mode, networkName, spec }: AppDefinition, ports: readonly DeclaredPort[]): Json {
  if (mode !== "container") return null;
  const discovered = isDiscovered(ports) ? ports : [];
  return {
    groups: [],
    labels: {},
    ...asPosted(spec.ipAddress ?? {}, ["discovery"]),
    discovery: {
      ports: discovered.map(({ containerPort, name, protocol }) => ({ number: containerPort, name, protocol })),
    },
    networkName,
  };
}

function legacyPortDefinition(port: DeclaredPort): readonly Json[] {
  return port.servicePort === null ? [] : [portDefinitionJson(port)];
}

function portDefinitionJson({ servicePort, protocol, name, labels }: DeclaredPort): Json {
  return { port: servicePort, protocol, ...(name === null ? {} : { name }), labels };
}

function portMappingJson({ containerPort, hostPort, servicePort, protocol, name, labels }: DeclaredPort): Json {
  return {
    containerPort,
    ...(hostPort === null ? {} : { hostPort }),
    ...(servicePort === null ? {} : { servicePort }),
    protocol,
    ...(name === null ? {} : { name }),
    labels,
  };
}

function onlyContainer({ id, containers }: AppDefinition): readonly [ContainerDefinition] {
  const [container] = containers;
  if (container === undefined) throw new Error(`marathon simulator: app ${id} has no container`);
  return [container];
}

export function checkJson(traits: Traits, check: HealthCheckSpec): JsonObject {
  return {
    protocol: "HTTP",
    path: "/",
    portIndex: 0,
    gracePeriodSeconds: 300,
    intervalSeconds: 60,
    timeoutSeconds: 20,
    maxConsecutiveFailures: 3,
    ignoreHttp1xx: false,
    ...(traits.hasNetworks ? { delaySeconds: 15, ipProtocol: "IPv4" } : {}),
    ...asPosted(check, []),
  };
}

/** A pod as it was posted, with its version and what Marathon fills in. */
export function podJson({ id, spec, version, instances }: PodDefinition): JsonObject {
  return {
    ...asPosted(spec, []),
    id,
    labels: spec.labels ?? {},
    version,
    containers: spec.containers as Json,
    secrets: {},
    volumes: [],
    networks: (spec.networks ?? [{ mode: "host" }]) as Json,
    scaling: { kind: "fixed", ...spec.scaling, instances },
    scheduling: (spec.scheduling ?? {}) as Json,
  };
}

export function actionJson(key: Traits["actionKey"], { name, kind, id }: Action): JsonObject {
  return kind === "pod" ? { [key]: `${name}Pod`, pod: id } : { [key]: `${name}Application`, app: id };
}
