/** Pods, from Marathon 1.4 on: each container is a task with a definition of its own (facts/marathon.md §3). Pure. */
import type { PortDeclaration } from "../../../src/model.ts";
import { protocolsOf } from "./declarations.ts";
import { type Fields, fieldsOf, flag, host, inner, isPort, list, objects, text, texts, version } from "./fields.ts";
import { appId, defaultName } from "./ids.ts";
import type { AppReport, Definition, Listing, TaskReport } from "./shapes.ts";
import { standingOf } from "./status.ts";

/** A pod's status, as GET /v2/pods/{id}::status answers; null if it has no id. */
export function readPodStatus(json: unknown): AppReport | null {
  const status = fieldsOf(json);
  const id = status === null ? null : text(status, "id");
  if (status === null || id === null) return null;
  const spec = inner(status, "spec");
  return {
    app: appId(id),
    definitions: readPodSpec(spec),
    version: version(spec, "version"),
    configSince: version(spec, "version"),
    tasks: objects(status, "instances").flatMap((instance) => tasksOf(instance, appId(id))),
  };
}

/** `[…]`, as GET /v2/pods/::status answers; null if it is not that. */
export function readPodStatuses(json: unknown): Listing | null {
  if (!Array.isArray(json)) return null;
  const read = json.map((status: unknown) => readPodStatus(status)).filter((report) => report !== null);
  return { apps: read, unreadable: [], isPartial: read.length < json.length };
}

/** A pod at a version, as GET /v2/pods/{id}::versions/{v} answers: one definition for each container. */
export function readPodSpec(spec: Fields): readonly Definition[] {
  const id = text(spec, "id");
  const of = version(spec, "version");
  if (id === null || of === null) return [];
  const containers = objects(spec, "containers");
  const serving = containers.filter((container) => objects(container, "endpoints").length > 0);
  const isOnHost = objects(spec, "networks").some((network) => text(network, "mode") === "host");
  return containers.flatMap((container): readonly Definition[] => {
    const name = text(container, "name");
    if (name === null) return [];
    return [
      {
        app: appId(id),
        container: name,
        version: of,
        // One service name for containers that do different things would send traffic to the wrong one.
        name: serving.length > 1 ? `${defaultName(id)}-${name}` : defaultName(id),
        image: text(inner(container, "image"), "id"),
        labels: { ...texts(spec, "labels"), ...texts(container, "labels") },
        ports: objects(container, "endpoints").map((endpoint) => declared(endpoint, isOnHost)),
        healthChecks: fieldsOf(container["healthCheck"]) === null ? 0 : 1,
        readiness: false,
        resident: false,
        isUnassigned: false,
        unused: [],
      },
    ];
  });
}

function declared(endpoint: Fields, isOnHost: boolean): PortDeclaration {
  const containerPort = endpoint["containerPort"];
  return {
    name: text(endpoint, "name"),
    protocols: protocolsOf(endpoint["protocol"]),
    // On the host's network there is no other port than the host's.
    containerPort: !isOnHost && isPort(containerPort) ? containerPort : null,
    servicePort: null,
    hasHostPort: isOnHost || typeof endpoint["hostPort"] === "number",
    labels: texts(endpoint, "labels"),
  };
}

function tasksOf(instance: Fields, app: string): readonly TaskReport[] {
  const networks = objects(instance, "networks");
  const placed = {
    app,
    version: /::versions\/(.+)$/.exec(text(instance, "specReference") ?? "")?.[1] ?? null,
    host: host(instance, "agentHostname"),
    agent: text(instance, "agentId"),
    addresses: networks.flatMap((network) => list(network, "addresses").filter((item) => typeof item === "string")),
    ready: true,
    staged: null,
  };
  return objects(instance, "containers").flatMap((container): readonly TaskReport[] => {
    const id = text(container, "containerId");
    const state = text(container, "status");
    if (id === null || state === null) return [];
    const ports = objects(container, "endpoints").flatMap((endpoint) => {
      const port = endpoint["allocatedHostPort"];
      return isPort(port) ? [{ name: text(endpoint, "name"), port }] : [];
    });
    return [{ ...placed, id, ports, standing: standingOf(state), isGuess: false, ...healthOf(container) }];
  });
}

/** A check on an endpoint shows there, a command's as a condition. */
function healthOf(container: Fields): Pick<TaskReport, "alive" | "dead"> {
  const said = [
    ...objects(container, "endpoints").map((endpoint) => flag(endpoint, "healthy")),
    ...objects(container, "conditions")
      .filter((condition) => text(condition, "name") === "healthy")
      .map((condition) => text(condition, "value") === "true"),
  ];
  const dead = said.filter((healthy) => healthy === false).length;
  return { alive: dead === 0 && said.includes(true) ? 1 : 0, dead };
}
