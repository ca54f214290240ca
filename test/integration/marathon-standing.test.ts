/** Which apps and pods exist, with or without tasks: their current definitions stand by themselves. */
import { describe, expect, it } from "vitest";
import { createCorrelator } from "../../src/correlate.ts";
import type { DefinedFact, Fact } from "../../src/model.ts";
import type { AppSpec } from "../lab/marathon/spec.ts";
import { type Landscape, openLandscape } from "../unit/marathon/landscape.ts";

const WEB: AppSpec = { id: "/web", ports: [0], instances: 1 };
const IDLE: AppSpec = { id: "/idle", ports: [0], instances: 0 };

function definitionsOf({ facts }: { readonly facts: readonly Fact[] }): readonly DefinedFact[] {
  const correlator = createCorrelator();
  for (const fact of facts) correlator.join(fact);
  return [...correlator.definitions()].map(({ definition }) => definition);
}

/** Ids of the apps that are said to exist. */
function standing(land: Landscape): readonly string[] {
  const current = definitionsOf(land).filter(({ standing: isStanding }) => isStanding === true);
  return current.map(({ app }) => app.replace(/^marathon:[^:]*:/, "")).sort();
}

async function open(options: Parameters<typeof openLandscape>[0] = {}): Promise<Landscape> {
  const land = await openLandscape(options);
  land.marathon.cluster.deploy(WEB);
  land.marathon.cluster.deploy(IDLE);
  await land.synced(1);
  await land.agrees();
  return land;
}

describe("an app", () => {
  it("exists without tasks, and goes when its deletion is heard, without a listing of Marathon's", async () => {
    await using land = await open();
    const { cluster, hits } = land.marathon;
    expect(standing(land)).toEqual(["/idle", "/web"]);
    hits.reset();

    cluster.destroy("/idle");
    await land.until("its definition's end", () => standing(land).join() === "/web");
    cluster.destroy("/web");
    await land.until("the other's", () => standing(land).length === 0);

    expect(hits.gets("/v2/apps")).toBe(0);
    expect(hits.gets()).toBeLessThanOrEqual(4);
  });

  it("of which nobody told that it was deleted goes at the second listing that lacks it", async () => {
    await using land = await open({ setup: { limits: { secondLook: 5, guardedLook: 5 } } });
    const { cluster, faults } = land.marathon;
    faults.lose(true);
    cluster.destroy("/idle");
    faults.lose(false);
    land.resync();
    await land.until("its end", () => standing(land).join() === "/web");
  });

  it("stays when one listing is empty", async () => {
    await using land = await open({ setup: { limits: { guardedLook: 60_000 } } });
    land.marathon.faults.listing("empty");
    land.resync();
    await land.synced(2);
    expect(standing(land)).toEqual(["/idle", "/web"]);
  });

  it("stands with its current version only, also while tasks of an older one run", async () => {
    await using land = await open();
    const { cluster } = land.marathon;
    const [task = ""] = cluster.tasks("/web");
    cluster.scale("/web", 2);
    const ofWeb = () => definitionsOf(land).filter(({ app }) => app.endsWith("/web"));
    const current = () => ofWeb().filter(({ standing: isStanding }) => isStanding === true);
    const own = () => land.world.instancesOfTask(task)[0]?.version;
    await land.until("the next version", () => current().some(({ version }) => version !== own()));
    await land.agrees();
    expect([current().length, ofWeb().length, own()]).toEqual([1, 2, expect.any(String)]);
  });

  it("that was deleted and made again exists", async () => {
    await using land = await open();
    const { cluster } = land.marathon;
    cluster.destroy("/idle");
    cluster.deploy(IDLE);
    await land.until("the new one", () => {
      const idle = definitionsOf(land).find(({ app }) => app.endsWith("/idle"));
      return idle?.standing === true && idle.version === cluster.state.specs.get("/idle")?.visible?.version;
    });
    land.resync();
    await land.synced(2);
    expect(standing(land)).toEqual(["/idle", "/web"]);
  });

  it("says of each task when its version was made", async () => {
    await using land = await open();
    const [task] = land.marathon.cluster.truth();
    const assigned = land.facts.find((fact) => fact.kind === "assigned" && fact.task === task?.task);
    expect(assigned).toMatchObject({ created: Date.parse(task?.version ?? "") });
  });
});
