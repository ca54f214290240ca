/** A listing says again all that is held, also of tasks of which nothing is new. */
import { expect, it } from "vitest";
import { openLandscape } from "./landscape.ts";

it("repeats in a listing all that it holds true", async () => {
  await using land = await openLandscape();
  const { cluster } = land.marathon;
  cluster.deploy({ id: "/web", ports: [0], instances: 2, healthChecks: [{ protocol: "HTTP" }] });
  await land.synced(1);
  await land.agrees();
  const seen = land.facts.length;

  land.resync();

  await land.synced(2);
  const again = land.facts.slice(seen);
  const [opening] = again;
  expect(opening?.kind).toBe("resync");
  expect(again.at(-1)).toMatchObject({ kind: "synced", floor: opening?.clock });
  for (const task of cluster.tasks()) {
    const own = again.filter((fact) => "task" in fact && fact.task === task);
    expect(new Set(own.map(({ kind }) => kind))).toEqual(new Set(["assigned", "addressed", "health", "status"]));
    const assigned = own.find((fact) => fact.kind === "assigned");
    const refersTo = (key: string) => again.some((fact) => fact.kind === "defined" && fact.definition === key);
    expect(assigned !== undefined && refersTo(assigned.definition)).toBe(true);
    expect(again.some((fact) => fact.kind === "node" && fact.node === assigned?.node)).toBe(true);
  }
});
