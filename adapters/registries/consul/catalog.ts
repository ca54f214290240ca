/**
 * The catalog, for hosts without an agent: each has an external node of ours, which goes with the last service on it.
 * Nothing is written onto a node that is not ours: if it has an agent, that would remove it again within minutes
 * (anti-entropy, facts/consul.md).
 */
import PQueue from "p-queue";
import type { AdapterContext, Registration } from "../../../src/model.ts";
import type { CatalogNode, NodeCheck } from "./answers.ts";
import { type CatalogClient, createCatalogClient } from "./catalog-client.ts";
import { createConsulClient } from "./client.ts";
import type { Holder } from "./holder.ts";
import type { ConsulOptions } from "./options.ts";
import { HOST, idFilter, isOurNode, nodeFilter, nodeName, type Owner } from "./ownership.ts";
import { inParallel } from "./parallel.ts";
import { type ReadBack, readBack } from "./readback.ts";
import { catalogBody, droppedChecks, type NodeSpec, readSpec } from "./spec.ts";
import { tagsToSend } from "./tags.ts";
import { createTaken } from "./taken.ts";

export interface Catalog extends Holder {
  /** Entries of ours that consumers see, wherever they are. */
  find(signal: AbortSignal): Promise<readonly Sighting[]>;
}

/** An entry of ours in the catalog, on whichever node. */
export interface Sighting {
  readonly id: string;
  /** The host that it says that it is for. */
  readonly host: string | null;
  /** The node that it is on. */
  readonly node: string;
  readonly address: string;
}

/** Nodes read at a time. */
const READS = 8;
const EMPTY: ReadonlySet<string> = new Set();

/** Throws an Error that names the file if a TLS file can't be used. */
export function createCatalog(options: ConsulOptions, owner: Owner, context: AdapterContext): Catalog {
  const consul = createConsulClient(options);
  const client = createCatalogClient(consul);
  const taken = createTaken(context);
  /** Our nodes, each with the ids of our services on it, as far as we know. */
  let nodes = new Map<string, Set<string>>();
  const turns = new Map<string, PQueue>();

  /** Two changes of one node at once could remove it with a service that has just come. */
  function inTurn(node: string, change: () => Promise<void>): Promise<void> {
    const queue = turns.get(node) ?? new PQueue({ concurrency: 1 });
    turns.set(node, queue);
    return queue.add(change).finally(() => {
      if (queue.size + queue.pending === 0) turns.delete(node);
    });
  }

  async function list(signal: AbortSignal): Promise<readonly Registration[]> {
    const [named, checks] = await Promise.all([
      client.nodes(nodeFilter(owner), signal),
      client.checks(nodeFilter(owner), signal),
    ]);
    const ours = named.filter(({ Node, Meta }) => isOurNode(owner, Node, Meta));
    const checksOf = new Map(ours.map(({ Node }): [string, NodeCheck[]] => [Node, []]));
    for (const check of checks) checksOf.get(check.Node)?.push(check);
    const found = await inParallel(ours, READS, (node) =>
      readNode(client, owner, node, checksOf.get(node.Node) ?? [], signal),
    );
    taken.found(new Map(found.flatMap((each) => [...each.taken])));
    nodes = new Map(found.map(({ name, ours }) => [name, new Set(ours.map(({ key }) => key))]));
    return found.flatMap(({ abandoned, ours }) => (abandoned === null ? ours : [abandoned]));
  }

  async function register(before: Registration | null, after: Registration, signal: AbortSignal): Promise<void> {
    const { key } = after;
    const spec = readSpec(after.spec);
    const name = nodeOf(owner, after);
    taken.refuse(key);
    if (!nodes.has(name)) await refuseOthers(name, signal);
    const held = before === null ? null : readSpec(before.spec);
    const tags = await tagsToSend(held, spec, async () => (await client.node(name, signal))?.Services[key] ?? null);
    await client.register(catalogBody(key, name, { ...spec, tags }), signal);
    nodes.set(name, (nodes.get(name) ?? new Set()).add(key));
    for (const CheckID of droppedChecks(held, spec)) await client.deregister({ Node: name, CheckID }, signal);
  }

  async function refuseOthers(name: string, signal: AbortSignal): Promise<void> {
    const found = await client.node(name, signal);
    if (found === null || isOurNode(owner, name, found.Node.Meta)) return;
    throw new Error(
      `the catalog has a node ${name} without our owner mark; if it has an agent, rename that, else deregister the node`,
    );
  }

  async function deregister({ key, instance }: Registration, name: string, signal: AbortSignal): Promise<void> {
    if (taken.has(key)) return;
    const isLast = (nodes.get(name) ?? EMPTY).size <= 1 ? await isAlone(key, name, signal) : false;
    if (isLast) await client.deregisterNode(name, signal);
    else if (isLast !== null && instance !== null) await client.deregister({ Node: name, ServiceID: key }, signal);
    const left = nodes.get(name);
    left?.delete(key);
    if (isLast !== false) nodes.delete(name);
  }

  /** Whether nothing else is on the node, of ours or of strangers, who should not be there; null if it isn't our node. */
  async function isAlone(key: string, name: string, signal: AbortSignal): Promise<boolean | null> {
    const found = await client.node(name, signal);
    if (found === null || !isOurNode(owner, name, found.Node.Meta)) return null;
    return Object.keys(found.Services).every((id) => id === key);
  }

  return {
    where: `${options.url}/v1/catalog`,
    list,
    register: (before, after, signal) => inTurn(nodeOf(owner, after), () => register(before, after, signal)),
    deregister(entry, signal) {
      const name = nodeOf(owner, entry);
      return inTurn(name, () => deregister(entry, name, signal));
    },
    async find(signal) {
      const found = await client.find(idFilter("ServiceID", owner), signal);
      return found.map(({ Node, Address, ServiceID, ServiceMeta }) => {
        return { id: ServiceID, host: ServiceMeta[HOST] ?? null, node: Node, address: Address };
      });
    },
    [Symbol.asyncDispose]: () => consul[Symbol.asyncDispose](),
  };
}

interface FoundNode extends ReadBack {
  readonly name: string;
  /** An entry for the node itself, where nothing is left on it. */
  readonly abandoned: Registration | null;
}

async function readNode(
  client: CatalogClient,
  owner: Owner,
  { Node: name, Address: address, Meta: meta }: CatalogNode,
  checks: readonly NodeCheck[],
  signal: AbortSignal,
): Promise<FoundNode> {
  const services = Object.values((await client.node(name, signal))?.Services ?? {});
  const node = { address, meta };
  const onOurIds = services.filter(({ ID }) => ID.startsWith(owner.prefix));
  const abandoned = services.length === 0 ? abandonedNode(name, node) : null;
  return { name, abandoned, ...readBack(owner, onOurIds, checks, node) };
}

/** What is left where somebody else took the last service of ours away: wanted by nothing, so it is removed. */
function abandonedNode(key: string, node: NodeSpec): Registration {
  return { key, instance: null, service: "", task: null, source: null, endpoint: null, rank: 0, spec: { node } };
}

function nodeOf(owner: Owner, { key, instance, spec }: Registration): string {
  return instance === null ? key : nodeName(owner, readSpec(spec).meta[HOST] ?? "");
}
