/** Floods, in virtual time and with the real waits and bounds: a mass start that takes minutes, an hour of crashes. */
import { describe, expect, it } from "vitest";
import { createWorld, type World } from "../../src/world.ts";
import { type Cluster, createCluster } from "../lab/marathon/cluster.ts";
import { createRandom } from "../lab/marathon/random.ts";
import type { MarathonVersion } from "../lab/marathon/versions.ts";
import { createMarathonDrive, type MarathonDrive } from "../marathon-drive.ts";
import { createMarathonParts, type MarathonParts } from "../marathon-parts.ts";
import { endpointsReady, endpointsTrue } from "../property/marathon-endpoints.ts";

interface Scene {
  readonly cluster: Cluster;
  readonly parts: MarathonParts;
  readonly world: World;
  readonly drive: MarathonDrive;
}

/** Crashes between two listings, which come every five minutes. */
const RELISTED = 80;

/** @param drop probability that an event is lost */
async function open(version: MarathonVersion, seed: number, drop = 0): Promise<Scene> {
  const clock = { now: Date.UTC(2019, 9, 22, 23, 26) };
  const now = () => clock.now;
  const random = createRandom(seed);
  const cluster = createCluster({ version, seed, now, agents: 100 });
  let flush = () => {};
  const world = createWorld({
    sources: ["marathon"],
    schedule(later) {
      flush = later;
    },
  });
  const emit = (fact: Parameters<World["join"]>[0]) => {
    world.join(fact);
    flush();
  };
  const parts = createMarathonParts({ now, random: () => random.next(), emit });
  const drive = createMarathonDrive({ cluster, parts, clock });
  cluster.subscribe((event) => {
    if (!random.chance(drop)) parts.hear(event.eventType, JSON.stringify(event));
  });
  await drive.connect();
  return { cluster, parts, world, drive };
}

/** What is held, in numbers. */
function sizes({ parts, world }: Scene) {
  const { held, parking, agenda } = parts;
  const own = { tasks: held.tasks.size, definitions: held.definitions.size(), tombstones: held.tombstones.size() };
  return { ...own, parked: parking.size(), due: agenda.size(), instances: world.size().instances };
}

describe("a mass start", () => {
  it.each([
    ["1.8", 0, 10],
    ["1.8", 100, 10],
    ["1.4", 100, 10],
    ["1.1", 100, 10],
    // Most of a minute is no herd any more: one listing at a time, ever further apart.
    ["1.8", 1_000, 20],
  ] as const)(
    "of 1,000 tasks of 50 apps (Marathon %s, one app every %s ms) takes at most %s GETs beyond the first listing",
    async (version, everyMs, most) => {
      const scene = await open(version, 1);
      const { cluster, drive, world } = scene;
      const before = drive.gets();
      for (let app = 0; app < 50; app++) {
        cluster.deploy({ id: `/load/app-${app}`, instances: 20, ports: [0], healthChecks: [{ protocol: "HTTP" }] });
        await drive.pass(everyMs);
      }
      // Longer than any wait of ours, so that late reads count as well.
      await drive.pass(60_000);
      expect(endpointsReady(world)).toHaveLength(1_000);
      expect(endpointsReady(world)).toEqual(endpointsTrue(cluster));
      expect(drive.gets() - before).toBeLessThanOrEqual(most);
    },
  );
});

describe("a crash loop", () => {
  it.each([
    ["1.10", 0],
    ["1.8", 0.2],
    ["1.4", 0.2],
  ] as const)(
    "of 1,000 tasks in an hour keeps memory flat and reads bounded (Marathon %s, %s of its events lost)",
    async (version, drop) => {
      const scene = await open(version, 1, drop);
      const { cluster, drive, world } = scene;
      cluster.deploy({ id: "/loop", instances: 1, ports: [0], healthChecks: [{ protocol: "HTTP" }] });
      await drive.list();
      await drive.pass(60_000);
      let reads = -drive.gets();
      const seen: ReturnType<typeof sizes>[] = [];
      for (let crash = 1; crash <= 1_000; crash++) {
        cluster.crash(cluster.tasks("/loop")[0] ?? "");
        await drive.pass(3_600);
        if (crash % RELISTED !== 0) continue;
        const before = drive.gets();
        await drive.list();
        reads -= drive.gets() - before;
        seen.push(sizes(scene));
      }
      reads += drive.gets();
      const largest = (size: (of: ReturnType<typeof sizes>) => number) => Math.max(...seen.map(size));
      expect(seen.length).toBeGreaterThan(10);
      // What was lost since the last listing, and what waits for its second look.
      expect(largest(({ tasks }) => tasks)).toBeLessThanOrEqual(drop === 0 ? 1 : RELISTED);
      expect(largest(({ instances }) => instances)).toBeLessThanOrEqual(drop === 0 ? 1 : 2 * RELISTED);
      expect(largest(({ definitions }) => definitions)).toBe(1);
      expect(largest(({ due }) => due)).toBeLessThanOrEqual(2);
      // Those of a quarter of an hour, and what is swept out seldom.
      expect(largest(({ tombstones }) => tombstones)).toBeLessThanOrEqual(250 + 256);
      expect(largest(({ parked }) => parked)).toBeLessThanOrEqual(2 * 256);
      // Six a minute for one app, and as many at once to begin with; none where no event is lost.
      expect(reads).toBeLessThanOrEqual(drop === 0 ? 0 : 62 * 6);
      await drive.list();
      await drive.pass(60_000);
      await drive.list();
      expect(endpointsReady(world)).toEqual(endpointsTrue(cluster));
    },
  );
});
