import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import * as v from "valibot";
import type { Logger, NodeIdentity } from "../../../src/model.ts";
import { machineAddress } from "../machine-address.ts";
import { pause, retryDelay } from "../waiting.ts";
import { type Engine, openEngine } from "./client.ts";
import { type EngineInfo, readInfo } from "./inspect.ts";
import { type DockerOptions, engineAddress } from "./options.ts";

/** Repeats of one failure are logged this seldom. */
const LOG_EVERY = 20;

/**
 * Who this node is: the Swarm's id and address for it; outside a swarm the engine's id, and the address of a remote
 * engine's host or of this machine's default route.
 * Asks the engine for ever, with back-off, unless `overrides` say both.
 * @param overrides `node.id` and `node.address` of the configuration
 * @param onFailure hears of each attempt that failed, in one line
 * @throws signal.reason on abort
 */
export async function identifyNode(
  options: DockerOptions,
  overrides: { readonly id?: string | undefined; readonly address?: string | undefined },
  signal: AbortSignal,
  log: Logger,
  onFailure: (error: string) => void = () => {},
): Promise<NodeIdentity> {
  const { id, address } = overrides;
  if (id !== undefined && address !== undefined) return { id, address };
  for (let failures = 0; ; ) {
    try {
      return await identifyOnce(options, overrides, signal, log);
    } catch (error) {
      signal.throwIfAborted();
      failures += 1;
      const fields = { error: error instanceof Error ? error.message : String(error), failures };
      onFailure(fields.error);
      if (failures % LOG_EVERY === 1)
        log.warn(fields, "node not identified yet, trying on; or set node.id and node.address");
      await pause(retryDelay(failures, Math.random), signal);
      signal.throwIfAborted();
    }
  }
}

async function identifyOnce(
  options: DockerOptions,
  overrides: { readonly id?: string | undefined; readonly address?: string | undefined },
  signal: AbortSignal,
  log: Logger,
): Promise<NodeIdentity> {
  const engine = await openEngine(options);
  try {
    const info = readInfo(await engine.info(signal));
    const address = overrides.address ?? (await addressOf(info, options));
    if (overrides.address === undefined && info.swarmAddress === null) await warnIfInner(address, engine, signal, log);
    return { id: overrides.id ?? info.id, address };
  } finally {
    engine.close();
  }
}

async function addressOf({ swarmAddress }: EngineInfo, options: DockerOptions): Promise<string> {
  if (swarmAddress !== null) return swarmAddress;
  const engine = engineAddress(options);
  const remote = "hostname" in engine ? await remoteAddress(engine.hostname) : null;
  return remote ?? (await machineAddress());
}

/** @returns null if the engine is on this machine */
async function remoteAddress(hostname: string): Promise<string | null> {
  const bare = hostname.replace(/^\[|\]$/g, "");
  const address = isIP(bare) === 0 ? (await lookup(bare)).address : bare;
  return isLoopback(address) ? null : address;
}

const Subnets = v.array(
  v.object({
    Driver: v.nullish(v.string(), ""),
    IPAM: v.nullish(v.object({ Config: v.nullish(v.array(v.object({ Subnet: v.nullish(v.string(), "") })), []) })),
  }),
);

/** An address that other nodes can't reach is better than none, but somebody has to know. */
async function warnIfInner(address: string, engine: Engine, signal: AbortSignal, log: Logger): Promise<void> {
  const why = isLoopback(address)
    ? "a loopback address"
    : (await isOnBridge(address, engine, signal))
      ? "on a container bridge"
      : null;
  if (why !== null)
    log.warn({ address, why }, "this node's address can't be reached from other nodes: set node.address");
}

/** Whether Muster runs in a container on one of the engine's bridges, and so sees that network's address as its own. */
async function isOnBridge(address: string, engine: Engine, signal: AbortSignal): Promise<boolean> {
  const { success, output } = v.safeParse(Subnets, await engine.networks(signal).catch(() => []));
  if (!success) return false;
  const bridges = output.filter(({ Driver }) => Driver === "bridge");
  const subnets = bridges.flatMap(({ IPAM }) => (IPAM?.Config ?? []).map(({ Subnet }) => Subnet));
  return subnets.some((subnet) => isIn(address, subnet));
}

function isIn(address: string, subnet: string): boolean {
  const [network = "", prefix = ""] = subnet.split("/");
  const version = isIP(network);
  if (version === 0 || version !== isIP(address)) return false;
  const family = version === 4 ? "ipv4" : "ipv6";
  const list = new BlockList();
  list.addSubnet(network, Number(prefix), family);
  return list.check(address, family);
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}
