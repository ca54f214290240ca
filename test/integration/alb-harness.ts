/** The ALB adapter on the fake ELBv2, over real HTTP. */
import { type AlbRegistry, createAlbRegistry } from "../../adapters/registries/alb/index.ts";
import type { AlbOptions } from "../../adapters/registries/alb/options.ts";
import { realTiming, type Timing } from "../../adapters/registries/alb/pace.ts";
import type { AdapterContext, Change, Instance, Logger, Outcome, Registration, Registry } from "../../src/model.ts";
import { plan } from "../../src/plan.ts";
import { instance } from "../conformance/registry/fleet.ts";
import type { Owner } from "../conformance/registry.ts";
import type { FakeElb } from "../fakes/alb/server.ts";
import type { Group } from "../fakes/alb/world.ts";

export const CREDENTIALS = {
  AWS_ACCESS_KEY_ID: "AKIAEXAMPLEKEYID0000",
  AWS_SECRET_ACCESS_KEY: "a-secret-access-key-of-muster",
};

/** The SDK's own chain finds them; nothing outside of this machine is asked for any. */
export function useCredentials(): void {
  Object.assign(process.env, CREDENTIALS, { AWS_EC2_METADATA_DISABLED: "true" });
}

/** So that no test waits for the account's limits unless it is about them. */
export const hurried: Timing = {
  now: () => performance.now() * 1000,
  wait: (ms, signal) => realTiming.wait(ms / 1000, signal),
};

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export const NEVER = new AbortController().signal;

export interface OpenOptions {
  readonly owner?: Owner;
  readonly options?: Partial<AlbOptions>;
  readonly timing?: Timing;
  readonly log?: Logger;
  readonly random?: () => number;
  /** See `AdapterContext`. */
  readonly nodeSource?: string;
  /** No instance id is configured. */
  readonly asksWhoItIs?: boolean;
  /** No region is configured. */
  readonly asksWhereItIs?: boolean;
}

export const NODE: Owner = { cluster: "default", node: { id: "n1", address: "10.0.0.1" } };
export const MACHINE = "i-00000001";

export function openAlb(elb: FakeElb, how: OpenOptions = {}): AlbRegistry {
  const { owner = NODE, options = {}, timing = hurried, log = silent, random = () => 0.5, asksWhoItIs = false } = how;
  const { asksWhereItIs = false, nodeSource } = how;
  const base = { name: "alb", ...owner, resync: 0, log, now: Date.now, random };
  const context: AdapterContext = { ...base, ...(nodeSource !== undefined && { nodeSource }) };
  const defaults = {
    ...(!asksWhereItIs && { region: elb.region }),
    endpoint: elb.url,
    targetGroups: {},
    discover: true,
    hosts: [],
  };
  const limits = { musters: 1, healthPoll: 0, timeout: 1000, ...(!asksWhoItIs && { instanceId: MACHINE }) };
  return createAlbRegistry({ ...defaults, ...limits, ...options }, context, timing);
}

export function addMachine(elb: FakeElb, id = MACHINE): void {
  elb.world.machines.set(id, { vpc: "vpc-1", state: "running" });
}

/** `id:port` of what a group holds and does not drain. */
export function held(elb: FakeElb, group: Group): readonly string[] {
  const there = elb.world.seen(group).filter(({ state }) => state !== "draining");
  return there.map(({ id, port }) => `${id}:${port}`).sort();
}

/** As the core plans it. */
export function planned(
  registry: Registry,
  wanted: readonly Instance[],
  current: readonly Registration[],
  removeFirst = false,
): readonly Change[] {
  const byKey = (entries: readonly Registration[]) => new Map(entries.map((entry) => [entry.key, entry]));
  const desired = byKey(wanted.flatMap((each) => registry.project(each)));
  return plan({ desired, current: byKey(current), mayRemove: () => true, mode: "sync", removeFirst });
}

/** List, plan, apply. */
export async function pass(
  registry: Registry,
  wanted: readonly Instance[],
  removeFirst = false,
): Promise<readonly Outcome[]> {
  const changes = planned(registry, wanted, await registry.list(NEVER), removeFirst);
  return changes.length === 0 ? [] : await registry.apply(changes, NEVER);
}

/** A task of `web` on this machine, at a host port. */
export function task(port: number, changes: Partial<Instance> = {}): Instance {
  return instance(port, { id: `t${port}:80`, task: `t${port}`, port, ...changes });
}

/** As somebody else registers it, or this node before it was started. */
export function put(group: Group, id: string, port: number): void {
  group.targets.set(`${id}:${port}`, { id, port, registeredAt: 0, deregisteredAt: null, verdict: "healthy" });
}

/** e.g. `Register 32768 32769` */
export function writesTo(elb: FakeElb): readonly string[] {
  const writes = elb.calls.filter(({ action }) => !action.startsWith("Describe"));
  return writes.map(({ action, form }) => {
    const ports = form.items("Targets").map((each) => each.number("Port"));
    return `${action.replace("Targets", "")} ${ports.join(" ")}`;
  });
}
