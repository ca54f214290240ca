/** What AWS refuses of a target, of which moto accepts nearly everything (facts/alb.md §1.1, §2). */
import { BlockList, isIP } from "node:net";
import { AwsError, invalid } from "./errors.ts";
import type { Group, Machine } from "./world.ts";

interface Wanted {
  readonly id: string;
  readonly port: number;
  readonly zone: string | undefined;
}

const PRIVATE = new BlockList();
PRIVATE.addSubnet("10.0.0.0", 8, "ipv4");
PRIVATE.addSubnet("172.16.0.0", 12, "ipv4");
PRIVATE.addSubnet("192.168.0.0", 16, "ipv4");
PRIVATE.addSubnet("100.64.0.0", 10, "ipv4");
PRIVATE.addSubnet("fd00::", 8, "ipv6");

/** The VPC of every group: addresses outside of it need a zone. */
const VPC = new BlockList();
VPC.addSubnet("10.0.0.0", 16, "ipv4");

/** Throws as the whole call fails, whatever else is in it. */
export function checkTarget(group: Group, machines: ReadonlyMap<string, Machine>, target: Wanted): void {
  const { port } = target;
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw invalid(`Port '${port}' must be between 1 and 65535`);
  }
  if (group.type === "instance") checkInstance(target, machines);
  else checkAddress(target);
}

function checkInstance({ id, zone }: Wanted, machines: ReadonlyMap<string, Machine>): void {
  if (!/^i-[0-9a-f]+$/.test(id)) throw invalid(`Instance ID '${id}' is not valid`);
  if (zone !== undefined) throw invalid("You cannot specify an Availability Zone for a target of type instance");
  const machine = machines.get(id);
  if (machine === undefined || machine.vpc !== "vpc-1")
    throw invalidTargets(id, "are not in the target group VPC or do not exist");
  if (machine.state !== "running") throw invalidTargets(id, "are not in a running state");
}

function checkAddress({ id, zone }: Wanted): void {
  const family = isIP(id);
  if (family === 0) throw invalid(`The IP address '${id}' is not a valid IPv4 address`);
  const kind = family === 6 ? "ipv6" : "ipv4";
  if (!PRIVATE.check(id, kind)) {
    throw invalid(`The IP address '${id}' is not within the CIDR blocks of the VPC or an RFC 1918 range`);
  }
  if (!VPC.check(id, kind) && zone === undefined) {
    throw invalid(`The IP address '${id}' is outside the target group VPC: you must specify an Availability Zone`);
  }
}

function invalidTargets(id: string, what: string): AwsError {
  return new AwsError("InvalidTarget", `The following targets ${what}: '${id}'`);
}
