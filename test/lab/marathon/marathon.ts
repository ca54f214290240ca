/**
 * The Marathon simulator: real HTTP and SSE servers on 127.0.0.1 with a virtual cluster behind them, one per master. Shapes,
 * order and manners are those of the version that it plays (facts/marathon.md); nothing in it knows Muster.
 */
import { type Credentials, createAccess } from "./access.ts";
import { type Cluster, type ClusterOptions, createCluster } from "./cluster.ts";
import { createFaults, type Faults } from "./faults.ts";
import { createHits, type Hits } from "./hits.ts";
import { type Master, startMaster } from "./master.ts";
import { respond } from "./respond.ts";
import { createStreams } from "./streams.ts";

export interface MarathonOptions extends Omit<ClusterOptions, "nodes"> {
  /** Masters; the first leads. @default 1 */
  readonly nodes?: number;
  readonly credentials?: Credentials;
  /** e.g. `/marathon`, as behind Admin Router. @default none */
  readonly pathPrefix?: string;
  /** @default 10000 */
  readonly heartbeatMs?: number;
  /** Events that a stream holds for a slow reader. @default by version */
  readonly streamBuffer?: number;
  /** What becomes of the stream of a reader that is slower. @default by version */
  readonly slowReader?: "drop" | "close";
  /** How long a request waits for a leader before it is answered 502, ms. A real one waits 2500. @default 100 */
  readonly leaderWaitMs?: number;
  /** For https, PEM. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

export interface Marathon extends AsyncDisposable {
  /** One per master, with the path prefix and without a slash at the end; stable over `down` and `up`. */
  readonly urls: readonly string[];
  readonly frameworkId: string;
  readonly cluster: Cluster;
  readonly faults: Faults;
  readonly hits: Hits;
  /** Open event streams. */
  streams(): number;
  /** Events that wait for readers of the stream that do not keep up. */
  held(): number;
  /** Of a service account: tokens given so far end at once. */
  revokeTokens(): void;
  /** Logins of the service account that were granted. */
  logins(): number;
}

/** How often what is due in the cluster is looked for, ms. */
const TICK = 5;

export async function startMarathon(options: MarathonOptions = {}): Promise<Marathon> {
  const { nodes = 1, pathPrefix = "", credentials, heartbeatMs = 10_000, leaderWaitMs = 100, tls, ...rest } = options;
  const { streamBuffer, slowReader, ...ofCluster } = rest;
  const now = options.now ?? Date.now;
  const cluster = createCluster({ now, ...ofCluster, nodes });
  const hits = createHits();
  const access = createAccess(credentials, now);
  const { faults, plan } = createFaults(cluster);
  const streams = createStreams(cluster, {
    heartbeatMs,
    buffer: streamBuffer ?? cluster.traits.streamBuffer,
    slowReader: slowReader ?? cluster.traits.slowReader,
  });
  const masters: Master[] = [];
  for (let node = 0; node < nodes; node++) {
    const context = { node, cluster, access, hits, plan, streams, pathPrefix, leaderWaitMs, masters };
    masters.push(await startMaster((request, response) => respond(context, request, response), tls));
  }
  const ticking = setInterval(() => cluster.tick(), TICK);

  function master(node: number): Master {
    const found = masters[node];
    if (found === undefined) throw new Error(`marathon simulator: there is no master ${node}; it has ${nodes}`);
    return found;
  }

  return {
    urls: masters.map(({ url }) => `${url}${pathPrefix}`),
    frameworkId: cluster.frameworkId,
    cluster,
    hits,
    faults: {
      ...streams,
      ...faults,
      down: (node) => master(node).down(),
      up: (node) => master(node).up(),
      clear() {
        faults.clear();
        streams.lose(false);
        streams.stall(false);
        streams.chunk(null);
        streams.scramble(null);
      },
    },
    streams: () => streams.count(),
    held: () => streams.held(),
    revokeTokens: () => access.revoke(),
    logins: () => access.logins(),
    async [Symbol.asyncDispose]() {
      clearInterval(ticking);
      streams[Symbol.dispose]();
      await Promise.all(masters.map((each) => each.down()));
    },
  };
}
