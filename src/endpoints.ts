/**
 * Which addresses and ports of a task are its endpoints: the table of facts/docker-swarm.md §3, neutral to the source.
 * Pure. What can't be reached is given all the same, with what is missing and why, so that it can be explained.
 */
import type { AddressedFact, IngressPort, NetworkAttachment, PortBinding, Protocol } from "./model.ts";

export interface Endpoint {
  /** The port that tells it apart within its task for as long as that lives; null while unknown. */
  readonly key: number | null;
  readonly containerPort: number | null;
  readonly protocol: Protocol;
  /** null: not reachable from other nodes, or the node's address is not known; `missing` says so. */
  readonly address: string | null;
  readonly port: number | null;
  readonly servicePort: number | null;
  readonly portName: string | null;
  /** Published by Swarm's routing mesh: one for all tasks of the service on this node. */
  readonly mesh: boolean;
  readonly missing: readonly string[];
  readonly notes: readonly string[];
}

interface Port {
  readonly port: number;
  readonly protocol: Protocol;
}

/** What labels wish for. */
export interface EndpointWishes {
  /** The network whose address to use, by name; null: the engine's published ports, else a default. */
  readonly network: string | null;
  /** Ports to expose where nothing is published. */
  readonly ports: readonly Port[];
  /** Whether registration is asked for, so that having no port at all is worth a record. */
  readonly asked: boolean;
}

/**
 * @param nodeAddress where published ports are reached; null while unknown
 * @param ingress the ports that the routing mesh publishes for its service
 */
export function endpointsOf(
  addressed: AddressedFact,
  wishes: EndpointWishes,
  nodeAddress: string | null,
  ingress: readonly IngressPort[] = [],
): readonly Endpoint[] {
  const { network, ports, asked } = wishes;
  if (network !== null) return onChosenNetwork(addressed, network, ports);
  const bindings = [...addressed.bindings, ...ingress.map(meshBinding)];
  if (bindings.length > 0) return published(bindings, ports, nodeAddress);
  if (addressed.mode === "host") return onHost(addressed, ports, nodeAddress, asked);
  return unpublished(addressed, ports, asked);
}

interface Binding extends PortBinding {
  readonly mesh?: boolean;
}

/** Every node answers at such a port, on all its addresses. */
function meshBinding({ containerPort, hostPort, protocol }: IngressPort): Binding {
  return { containerPort, hostPort, protocol, hostAddress: "0.0.0.0", servicePort: null, portName: null, mesh: true };
}

function published(
  bindings: readonly Binding[],
  wanted: readonly Port[],
  nodeAddress: string | null,
): readonly Endpoint[] {
  const notes = wanted
    .filter((port) => !bindings.some((binding) => samePort(binding, port)))
    .map(
      ({ port, protocol }) =>
        `port ${port}/${protocol} is named by a label but not published, so it is left out; publish it, or choose a network with muster.network`,
    );
  return [...bindings]
    .sort(byPort)
    .map((binding) => ({ ...atBinding(binding, nodeAddress), notes: [...noteOf(binding), ...notes] }));
}

function atBinding(binding: Binding, nodeAddress: string | null): Endpoint {
  const address = addressOf(binding.hostAddress, nodeAddress);
  return {
    key: binding.containerPort ?? binding.hostPort,
    containerPort: binding.containerPort,
    protocol: binding.protocol,
    address,
    port: binding.hostPort,
    servicePort: binding.servicePort,
    portName: binding.portName,
    mesh: binding.mesh ?? false,
    missing: address === null ? ["address"] : [],
    notes: [],
  };
}

function addressOf(hostAddress: string, nodeAddress: string | null): string | null {
  if (hostAddress === "0.0.0.0" || hostAddress === "::" || hostAddress === "") return nodeAddress;
  return isLoopback(hostAddress) ? null : hostAddress;
}

function noteOf({ hostAddress, hostPort }: PortBinding): readonly string[] {
  if (!isLoopback(hostAddress)) return [];
  return [
    `published on ${hostAddress}:${hostPort} only, which other nodes can't reach; publish it on 0.0.0.0 or on the node's address`,
  ];
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}

/** A host-network task has no port mappings to read (facts/docker-swarm.md §3), so a label must say the port; EXPOSE is a hint. */
function onHost(
  addressed: AddressedFact,
  wanted: readonly Port[],
  nodeAddress: string | null,
  asked: boolean,
): readonly Endpoint[] {
  if (wanted.length > 0) return wanted.map((port) => at(nodeAddress, port, []));
  if (!asked && addressed.exposed.length === 0) return [];
  const hint = addressed.exposed.map(({ port }) => port).join(", ");
  return [
    withoutPort(
      nodeAddress,
      `shares the host's network: name its port with muster.port${hint === "" ? "" : ` (the image exposes ${hint})`}`,
    ),
  ];
}

function unpublished(addressed: AddressedFact, wanted: readonly Port[], asked: boolean): readonly Endpoint[] {
  const { network, notes } = defaultNetwork(addressed.networks);
  const ports = wanted.length === 0 && network?.reach === "routable" ? addressed.exposed : wanted;
  if (ports.length > 0) return ports.map((port) => onNetwork(network, port, notes, addressed));
  return asked
    ? [withoutPort(network?.address ?? null, "publishes no port: publish one, or name it with muster.port")]
    : [];
}

function onChosenNetwork(addressed: AddressedFact, name: string, wanted: readonly Port[]): readonly Endpoint[] {
  const network = addressed.networks.find((candidate) => candidate.name === name) ?? null;
  const ports = wanted.length > 0 ? wanted : containerPorts(addressed);
  const attached = addressed.networks.map((candidate) => candidate.name).join(", ");
  const notes =
    network === null
      ? [`muster.network=${name}: the task is not on that network (it is on: ${attached || "none"})`]
      : [];
  if (ports.length > 0) return ports.map((port) => onNetwork(network, port, notes, addressed));
  return [withoutPort(network?.address ?? null, [...notes, "name its port with muster.port"].join("; "))];
}

function containerPorts({ bindings, exposed }: AddressedFact): readonly Port[] {
  const ports = bindings.flatMap(({ containerPort, protocol }) =>
    containerPort === null ? [] : [{ port: containerPort, protocol }],
  );
  return ports.length > 0 ? uniquePorts(ports) : exposed;
}

function onNetwork(
  network: NetworkAttachment | null,
  port: Port,
  notes: readonly string[],
  addressed: AddressedFact,
): Endpoint {
  if (network === null) return at(null, port, notes.length > 0 ? notes : [whyNoNetwork(addressed)]);
  if (network.reach !== "node") return at(network.address, port, notes);
  return at(network.address, port, [
    ...notes,
    `its address on network ${network.name} is reachable from its own node only`,
  ]);
}

function whyNoNetwork({ mode }: AddressedFact): string {
  if (mode === "shared") return "uses another container's network: put the labels on that container";
  return "is on no network, so it has no address";
}

/** The best-reachable network, first by name: the same choice on every run, whatever order the engine lists them in. */
function defaultNetwork(networks: readonly NetworkAttachment[]): {
  network: NetworkAttachment | null;
  notes: readonly string[];
} {
  for (const reach of ["routable", "overlay", "node"] as const) {
    const candidates = networks.filter((network) => network.reach === reach).sort((a, b) => (a.name < b.name ? -1 : 1));
    const network = candidates[0];
    if (network === undefined) continue;
    const names = candidates.map(({ name }) => name).join(", ");
    return {
      network,
      notes:
        candidates.length > 1
          ? [`is on several networks (${names}): ${network.name} was taken; choose with muster.network`]
          : [],
    };
  }
  return { network: null, notes: [] };
}

function at(address: string | null, { port, protocol }: Port, notes: readonly string[]): Endpoint {
  const missing = address === null ? ["address"] : [];
  const named = { servicePort: null, portName: null, mesh: false };
  return { key: port, containerPort: port, protocol, address, port, ...named, missing, notes };
}

function withoutPort(address: string | null, note: string): Endpoint {
  return {
    key: null,
    containerPort: null,
    protocol: "tcp",
    address,
    port: null,
    servicePort: null,
    portName: null,
    mesh: false,
    missing: ["port"],
    notes: [note],
  };
}

function uniquePorts(ports: readonly Port[]): readonly Port[] {
  return ports.filter(
    (port, index) => ports.findIndex((other) => other.port === port.port && other.protocol === port.protocol) === index,
  );
}

function samePort(binding: PortBinding, { port, protocol }: Port): boolean {
  return binding.containerPort === port && binding.protocol === protocol;
}

function byPort(a: PortBinding, b: PortBinding): number {
  return (
    (a.containerPort ?? 0) - (b.containerPort ?? 0) ||
    (a.protocol < b.protocol ? -1 : a.protocol > b.protocol ? 1 : 0) ||
    a.hostPort - b.hostPort ||
    (a.hostAddress < b.hostAddress ? -1 : 1)
  );
}
