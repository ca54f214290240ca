/**
 * The ports that an app declares, in all the shapes of Marathon 0.8 to 1.10 (facts/marathon.md §3). From 1.5 on there is
 * only `networks`; older ones say it in `container.docker.network` and `ipAddress`. Both are read, the newer is preferred.
 * Pure.
 */
import type { PortDeclaration, Protocol } from "../../../src/model.ts";
import { type Fields, fieldsOf, inner, isPort, list, objects, text, texts } from "./fields.ts";
import { portLabels } from "./labels.ts";

type Mode = "host" | "bridge" | "container" | "none";

export interface DeclaredPorts {
  readonly ports: readonly PortDeclaration[];
  /** Whether a service port is still to be assigned. */
  readonly isUnassigned: boolean;
}

/** A port before labels. */
type Bare = Omit<PortDeclaration, "labels"> & { readonly from: Fields };

export function declaredPorts(app: Fields): DeclaredPorts {
  const labels = texts(app, "labels");
  const ports = bareOf(app, modeOf(app));
  return {
    ports: ports.map(({ from, ...port }, index) => ({
      ...port,
      labels: portLabels(from, labels, index, port.containerPort ?? port.servicePort),
    })),
    isUnassigned: ports.some(({ from, servicePort }) => servicePort === null && !isDiscovered(from)),
  };
}

function modeOf(app: Fields): Mode {
  const [network] = objects(app, "networks");
  if (network !== undefined) return modeOfNetwork(text(network, "mode"));
  switch (text(inner(inner(app, "container"), "docker"), "network")) {
    case "BRIDGE":
      return "bridge";
    case "USER":
      return "container";
    case "NONE":
      return "none";
    default:
      return fieldsOf(app["ipAddress"]) === null ? "host" : "container";
  }
}

function modeOfNetwork(mode: string | null): Mode {
  if (mode === "host") return "host";
  return mode === "container/bridge" ? "bridge" : "container";
}

function bareOf(app: Fields, mode: Mode): readonly Bare[] {
  if (mode === "none") return [];
  if (mode === "host") return onHost(app);
  const container = inner(app, "container");
  const mappings = objects(container, "portMappings");
  const older = objects(inner(container, "docker"), "portMappings");
  const declared = mappings.length > 0 ? mappings : older;
  if (declared.length > 0) return declared.map((mapping) => mapped(mapping, mode));
  return objects(inner(inner(app, "ipAddress"), "discovery"), "ports").map(discovered);
}

/** `requirePorts` or not, a definition's port is the service port; the host port is told with the task. */
function onHost(app: Fields): readonly Bare[] {
  const declared = objects(app, "portDefinitions");
  // Up to 0.15 there are only the service ports themselves.
  const definitions = declared.length > 0 ? declared : list(app, "ports").map((port): Fields => ({ port }));
  return definitions.map((definition) => ({
    from: definition,
    name: text(definition, "name"),
    protocols: protocolsOf(definition["protocol"]),
    containerPort: null,
    servicePort: portOf(definition, "port"),
    hasHostPort: true,
  }));
}

/** In bridge mode a missing host port is one that Marathon chooses; on a container network there is none. */
function mapped(mapping: Fields, mode: Mode): Bare {
  return {
    from: mapping,
    name: text(mapping, "name"),
    protocols: protocolsOf(mapping["protocol"]),
    containerPort: portOf(mapping, "containerPort"),
    servicePort: portOf(mapping, "servicePort"),
    hasHostPort: mode === "bridge" || typeof mapping["hostPort"] === "number",
  };
}

/** IP per task up to 1.4: no service port at all. */
function discovered(port: Fields): Bare {
  return {
    from: port,
    name: text(port, "name"),
    protocols: protocolsOf(port["protocol"]),
    containerPort: portOf(port, "number"),
    servicePort: null,
    hasHostPort: false,
  };
}

function isDiscovered(from: Fields): boolean {
  return "number" in from;
}

/** 0 stands for "to be assigned", or for "as the host port". */
function portOf(fields: Fields, key: string): number | null {
  const value = fields[key];
  return isPort(value) ? value : null;
}

const PROTOCOLS: readonly Protocol[] = ["tcp", "udp", "sctp"];

/** Reads `tcp`, `udp,tcp` or, for pods, `["tcp"]`; what says nothing of these (`http`) is TCP. */
export function protocolsOf(value: unknown): readonly Protocol[] {
  const items: readonly unknown[] = Array.isArray(value) ? value : typeof value === "string" ? value.split(",") : [];
  const said = items.map((item) => (typeof item === "string" ? item.trim() : ""));
  const known = PROTOCOLS.filter((protocol) => said.includes(protocol));
  return known.length > 0 ? known : ["tcp"];
}
