/** Inspect → addresses and ports: the table of facts/docker-swarm.md §3. Pure. */
import type { AddressedFact, NetworkAttachment, PortBinding, Protocol } from "../../../src/model.ts";
import type { Inspect, NetworkKind } from "./inspect.ts";

type Addresses = Pick<AddressedFact, "mode" | "bindings" | "networks" | "exposed">;
interface Port {
  readonly port: number;
  readonly protocol: Protocol;
}

/** @param kinds network id → kind, as far as known */
export function addressesOf(inspect: Inspect, kinds: ReadonlyMap<string, NetworkKind>): Addresses {
  const bindings = bindingsOf(inspect);
  return {
    mode: modeOf(inspect),
    bindings,
    networks: networksOf(inspect, kinds),
    exposed: exposedOf(inspect, bindings),
  };
}

/** Ids of the networks that the container is on and whose kind is not known. */
export function unknownNetworks(inspect: Inspect, kinds: ReadonlyMap<string, NetworkKind>): readonly string[] {
  return Object.values(inspect.NetworkSettings.Networks)
    .map(({ NetworkID }) => NetworkID)
    .filter((id) => id !== "" && !kinds.has(id));
}

function modeOf({ HostConfig, NetworkSettings }: Inspect): Addresses["mode"] {
  const mode = HostConfig.NetworkMode ?? "";
  if (mode.startsWith("container:")) return "shared";
  const names = Object.keys(NetworkSettings.Networks);
  if (mode === "host" || names.includes("host")) return "host";
  return mode === "none" || (names.length === 1 && names[0] === "none") ? "none" : "mapped";
}

function bindingsOf({ NetworkSettings }: Inspect): readonly PortBinding[] {
  const found = new Map<string, PortBinding>();
  for (const [key, hosts] of Object.entries(NetworkSettings.Ports)) {
    const port = readPort(key);
    if (port === null) continue;
    const live = hosts.flatMap(({ HostIp, HostPort }) => bindingOf(port, HostIp, HostPort));
    for (const binding of withoutTwins(live))
      found.set(`${binding.hostAddress} ${binding.hostPort} ${binding.protocol}`, binding);
  }
  return [...found.values()];
}

function bindingOf({ port, protocol }: Port, hostIp: string, hostPort: string): PortBinding[] {
  const number = portNumber(hostPort);
  if (number === null) return [];
  const hostAddress = hostIp === "" ? "0.0.0.0" : hostIp;
  return [{ containerPort: port, protocol, hostAddress, hostPort: number, servicePort: null, portName: null }];
}

/** The engine binds IPv6 beside IPv4, for an ephemeral port even to another number: one endpoint, the IPv4 one. */
function withoutTwins(bindings: readonly PortBinding[]): readonly PortBinding[] {
  const hasIpv4 = bindings.some(({ hostAddress }) => hostAddress === "0.0.0.0");
  return hasIpv4 ? bindings.filter(({ hostAddress }) => hostAddress !== "::") : bindings;
}

function exposedOf({ Config, HostConfig }: Inspect, bindings: readonly PortBinding[]): readonly Port[] {
  const live = new Set(bindings.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`));
  const requested = Object.keys(HostConfig.PortBindings ?? {}).filter((key) => !live.has(key));
  const keys = new Set([...Object.keys(Config.ExposedPorts), ...requested]);
  return [...keys]
    .flatMap((key) => readPort(key) ?? [])
    .sort((a, b) => a.port - b.port || (a.protocol < b.protocol ? -1 : 1));
}

function networksOf(
  { NetworkSettings }: Inspect,
  kinds: ReadonlyMap<string, NetworkKind>,
): readonly NetworkAttachment[] {
  return Object.entries(NetworkSettings.Networks).flatMap(([name, { NetworkID, IPAddress, GlobalIPv6Address }]) => {
    const reach = reachOf(name, NetworkID, kinds);
    const address = IPAddress || GlobalIPv6Address;
    return reach === null || address === "" ? [] : [{ name, address, reach }];
  });
}

/** @returns null for networks whose addresses are never endpoints */
function reachOf(name: string, id: string, kinds: ReadonlyMap<string, NetworkKind>): NetworkAttachment["reach"] | null {
  if (name === "ingress" || name === "docker_gwbridge") return null;
  const kind = kinds.get(id) ?? guessKind(id);
  if (kind === "ingress" || kind === "none") return null;
  return kind === "bridge" ? "node" : kind;
}

/** For where the engine does not tell: a swarm's networks have ids of 25 letters and digits, an engine's own 64 hex digits. */
export function guessKind(id: string): NetworkKind {
  return /^[a-z0-9]{25}$/.test(id) ? "overlay" : "bridge";
}

function readPort(key: string): Port | null {
  const match = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(key);
  const port = portNumber(match?.[1] ?? "");
  return port === null ? null : { port, protocol: (match?.[2] ?? "tcp") as Protocol };
}

function portNumber(text: string): number | null {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return number > 0 && number <= 65_535 ? number : null;
}
