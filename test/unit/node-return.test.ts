/** Rule 7's other half: a node that is back after the leader may have removed its entries looks at its registries at once. */
import { expect, it } from "vitest";
import type { Fact } from "../../src/model.ts";
import { onReturn } from "../../src/node-return.ts";
import { createWorld } from "../../src/world.ts";
import { node } from "../facts.ts";
import { createManualClock } from "../fakes/clock.ts";

const REAP_AFTER = 60_000;

function createScene() {
  const world = createWorld({ sources: ["swarm"], schedule: (flush) => flush() });
  const clock = createManualClock();
  let returns = 0;
  const options = { source: "swarm", node: "n1", reapAfter: REAP_AFTER, clock };
  const end = onReturn(world, options, () => {
    returns++;
  });
  let tick = 0;
  return {
    ...{ clock, end },
    says: (of: string, state: "up" | "down" | "unknown", source = "swarm") =>
      world.join(node({ source, node: of, state, clock: ++tick })),
    connection(state: "connected" | "disconnected") {
      const fact: Fact = { kind: "source", source: "swarm", clock: ++tick, at: 0, via: "test", state, error: null };
      world.join(fact);
    },
    get returns() {
      return returns;
    },
  };
}

it("is back when it was down and is up, whatever was unknown between", () => {
  const scene = createScene();
  scene.says("n1", "up");
  scene.says("n1", "unknown");
  scene.says("n1", "up");
  scene.says("n2", "down");
  scene.says("n2", "up");
  scene.says("n1", "down", "docker");
  scene.says("n1", "up");
  expect(scene.returns).toBe(0);

  scene.says("n1", "down");
  scene.says("n1", "unknown");
  expect(scene.returns).toBe(0);
  scene.says("n1", "up");
  scene.says("n1", "up");
  expect(scene.returns).toBe(1);

  scene.end();
  scene.says("n1", "down");
  scene.says("n1", "up");
  expect(scene.returns).toBe(1);
});

it("is back when nobody could tell it for long, since whoever is cut off is not told that others take it for down", async () => {
  const scene = createScene();
  scene.connection("connected");
  scene.connection("disconnected");
  await scene.clock.advance(REAP_AFTER / 2 - 1);
  scene.connection("connected");
  expect(scene.returns).toBe(0);

  scene.connection("disconnected");
  await scene.clock.advance(REAP_AFTER / 4);
  scene.connection("disconnected");
  await scene.clock.advance(REAP_AFTER / 4);
  expect(scene.returns).toBe(0);
  scene.connection("connected");
  expect(scene.returns).toBe(1);
});
