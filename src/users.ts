/**
 * Who hangs on a service-level object, compared with what the swarm's leader knows of its tasks (decision 009): only where
 * every user is a task that it knows may it go by its own facts. Pure.
 */
import { isIP } from "node:net";
import type { Instance } from "./model.ts";

/** With the ports, and their protocols, at which something is. */
type Machine = readonly [name: string, ports: ReadonlySet<string>];

/**
 * Whether all users are among these instances.
 *
 * A machine's address says whose a user is. Another name for it (an EC2 instance id) says nothing, so then it goes by the
 * ports: those machines must have, one by one, the very ports of as many nodes, and none of the service's may be left.
 * @param users see `Registration.users`
 * @param service whose instances the machines without an address can only have
 */
export function areKnown(users: readonly string[], service: string, instances: readonly Instance[]): boolean {
  const places = users.map(readUser);
  if (places.includes(null)) return false;
  const machines = [...byMachine(places.flatMap((place) => place ?? []))];
  const known = byMachine(instances.map(placeOf));
  const addressed = machines.filter(([machine]) => isIP(machine) !== 0);
  const isKnown = ([machine, ports]: Machine) => [...ports].every((port) => known.get(machine)?.has(port) === true);
  const named = machines.filter(([machine]) => isIP(machine) === 0);
  const taken = new Set(addressed.map(([machine]) => machine));
  return addressed.every(isKnown) && (named.length === 0 || areAll(named, service, instances, taken));
}

/** Whether these are all of the service's nodes, but for those that are taken. */
function areAll(
  named: readonly Machine[],
  service: string,
  instances: readonly Instance[],
  taken: ReadonlySet<string>,
): boolean {
  const protocols = new Set(named.flatMap(([, ports]) => [...ports].map(protocolOf)));
  const own = instances
    .filter((instance) => instance.service === service && instance.state === "ready")
    .map(placeOf)
    .filter(({ machine, port }) => !taken.has(machine) && protocols.has(protocolOf(port)));
  return shapesOf(named) === shapesOf([...byMachine(own)]);
}

interface Place {
  readonly machine: string;
  /** `32768/tcp` */
  readonly port: string;
}

function placeOf({ address, port, protocol }: Instance): Place {
  return { machine: address ?? "", port: `${port}/${protocol}` };
}

function readUser(user: string): Place | null {
  const [, machine, port] = /^\[?(.+?)\]?:(\d+\/\w+)$/.exec(user) ?? [];
  return machine === undefined || port === undefined ? null : { machine, port };
}

function protocolOf(port: string): string {
  return port.slice(port.indexOf("/") + 1);
}

function byMachine(places: readonly Place[]): ReadonlyMap<string, ReadonlySet<string>> {
  const machines = new Map<string, Set<string>>();
  for (const { machine, port } of places) {
    const ports = machines.get(machine) ?? new Set<string>();
    machines.set(machine, ports.add(port));
  }
  return machines;
}

/** The machines without their names, in one order. */
function shapesOf(machines: readonly Machine[]): string {
  const shapes = machines.map(([, ports]) => [...ports].sort(byText).join(" "));
  return shapes.sort(byText).join("\n");
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
