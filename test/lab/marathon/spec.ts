/**
 * What a person posts: an app or a pod, in the shape of Marathon up to 1.4 or from 1.5. Only what the simulator acts on
 * is named; anything else is kept and given back as it was.
 */
import * as v from "valibot";

const port = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535));
const labels = v.record(v.string(), v.string());
const pathId = v.pipe(v.string(), v.regex(/^\/?[a-z0-9.-]+(\/[a-z0-9.-]+)*$/, "expected a path like /shop/web"));

const PortMapping = v.looseObject({
  containerPort: v.optional(port),
  hostPort: v.optional(port),
  servicePort: v.optional(port),
  protocol: v.optional(v.string()),
  name: v.optional(v.nullable(v.string())),
  labels: v.optional(labels),
});

const PortDefinition = v.looseObject({
  port: v.optional(port),
  protocol: v.optional(v.string()),
  name: v.optional(v.nullable(v.string())),
  labels: v.optional(labels),
});

const HealthCheck = v.looseObject({
  /** Those that Mesos runs are COMMAND and MESOS_*. @default HTTP */
  protocol: v.optional(v.string()),
});

const Network = v.looseObject({ mode: v.optional(v.string()), name: v.optional(v.string()) });

const UpgradeStrategy = v.looseObject({
  minimumHealthCapacity: v.optional(v.number()),
  maximumOverCapacity: v.optional(v.number()),
});

const UnreachableStrategy = v.union([
  v.literal("disabled"),
  v.object({ inactiveAfterSeconds: v.number(), expungeAfterSeconds: v.number() }),
]);

const Discovery = v.looseObject({
  ports: v.optional(v.array(v.looseObject({ number: port, name: v.string(), protocol: v.optional(v.string()) }))),
});

export const AppSpec = v.looseObject({
  id: pathId,
  instances: v.optional(v.number()),
  labels: v.optional(labels),
  requirePorts: v.optional(v.boolean()),
  container: v.optional(
    v.nullable(
      v.looseObject({
        type: v.optional(v.string()),
        docker: v.optional(
          v.looseObject({
            image: v.optional(v.string()),
            network: v.optional(v.nullable(v.string())),
            portMappings: v.optional(v.nullable(v.array(PortMapping))),
          }),
        ),
        portMappings: v.optional(v.nullable(v.array(PortMapping))),
        volumes: v.optional(v.array(v.looseObject({ persistent: v.optional(v.looseObject({})) }))),
      }),
    ),
  ),
  networks: v.optional(v.array(Network)),
  /** Service ports, as up to 0.15. */
  ports: v.optional(v.array(port)),
  portDefinitions: v.optional(v.array(PortDefinition)),
  ipAddress: v.optional(
    v.nullable(v.looseObject({ networkName: v.optional(v.string()), discovery: v.optional(Discovery) })),
  ),
  healthChecks: v.optional(v.array(HealthCheck)),
  readinessChecks: v.optional(v.array(v.looseObject({ name: v.optional(v.string()) }))),
  upgradeStrategy: v.optional(UpgradeStrategy),
  unreachableStrategy: v.optional(UnreachableStrategy),
  residency: v.optional(v.nullable(v.looseObject({}))),
});
export type AppSpec = v.InferInput<typeof AppSpec>;

/** What a PUT changes; what it does not name stays. */
export const AppPatch = v.partial(AppSpec);
export type AppPatch = v.InferOutput<typeof AppPatch>;

const Endpoint = v.looseObject({
  name: v.string(),
  /** null or absent: the host port. */
  containerPort: v.optional(v.nullable(port)),
  hostPort: v.optional(v.nullable(port)),
  protocol: v.optional(v.array(v.string())),
  labels: v.optional(labels),
});

export const PodSpec = v.looseObject({
  id: pathId,
  labels: v.optional(labels),
  networks: v.optional(v.array(Network)),
  scaling: v.optional(v.looseObject({ instances: v.optional(v.number()) })),
  scheduling: v.optional(
    v.looseObject({
      upgrade: v.optional(UpgradeStrategy),
      unreachableStrategy: v.optional(UnreachableStrategy),
    }),
  ),
  containers: v.pipe(
    v.array(
      v.looseObject({
        name: v.string(),
        labels: v.optional(labels),
        endpoints: v.optional(v.array(Endpoint)),
        healthCheck: v.optional(v.nullable(v.looseObject({}))),
      }),
    ),
    v.minLength(1, "expected at least one container"),
  ),
});
export type PodSpec = v.InferInput<typeof PodSpec>;
export const PodPatch = v.partial(PodSpec);
export type PodPatch = v.InferOutput<typeof PodPatch>;

export type PortMappingSpec = v.InferInput<typeof PortMapping>;
export type PortDefinitionSpec = v.InferInput<typeof PortDefinition>;
export type HealthCheckSpec = v.InferInput<typeof HealthCheck>;
export type UnreachableStrategy = v.InferOutput<typeof UnreachableStrategy>;

const groupId = v.pipe(v.string(), v.regex(/^\/?([a-z0-9.-]+(\/[a-z0-9.-]+)*)?$/, "expected a path like /shop"));

/** A group as it is posted: ids within it may be relative to it. */
export interface GroupSpec {
  readonly id: string;
  readonly apps?: readonly AppSpec[] | undefined;
  readonly groups?: readonly GroupSpec[] | undefined;
}

export const GroupSpec: v.GenericSchema<GroupSpec> = v.looseObject({
  id: groupId,
  apps: v.optional(v.array(AppSpec)),
  groups: v.optional(v.array(v.lazy(() => GroupSpec))),
});
