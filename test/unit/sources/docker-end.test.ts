/** The one thing that Muster ever writes to an engine: the last signal of the stop-signal gate. */
import { describe, expect, it } from "vitest";
import type { createDockerSource } from "../../../adapters/sources/docker/index.ts";
import type { FakeContainer } from "../../fakes/docker-container.ts";
import { startFakeEngine } from "../../fakes/docker-engine.ts";
import { watchSource } from "../../watch-source.ts";
import { dockerSource } from "./docker-lab.ts";

const URG = 23;
const NEVER = new AbortController().signal;

type Source = ReturnType<typeof createDockerSource>;

async function openScene(container: FakeContainer) {
  const engine = await startFakeEngine();
  const id = engine.run(container);
  const { source } = dockerSource(engine.host);
  const watch = watchSource(source);
  await watch.until("running", () => watch.record(id)?.status === "running");
  const end = (name = "SIGTERM") => (source as Required<Source>).endTask(id, name, NEVER);
  return {
    engine,
    watch,
    id,
    end,
    async urge() {
      engine.signal(id, URG);
      await watch.until("stopping", () => watch.record(id)?.status === "stopping");
    },
    async [Symbol.asyncDispose]() {
      await watch.stop();
      await engine[Symbol.asyncDispose]();
    },
  };
}

const GATED = { stopSignal: "SIGURG" };

describe("endTask", () => {
  it("sends the signal to a container that ignored its stop signal, and takes it for nothing new", async () => {
    await using scene = await openScene({ ...GATED, ignores: ["SIGTERM"] });
    await scene.urge();

    expect(await scene.end()).toBeNull();

    expect(scene.engine.killed).toEqual([`${scene.id} SIGTERM`]);
    await scene.watch.until("still stopping", () => scene.watch.record(scene.id)?.status === "stopping");
  });

  it("never ends what its engine has not told to stop", async () => {
    await using scene = await openScene(GATED);

    expect(await scene.end()).toBeNull();

    expect(scene.engine.killed).toEqual([]);
  });

  it("sends no second SIGTERM where that is the stop signal, and says so at the start already", async () => {
    await using scene = await openScene({ labels: { "muster.stop-gate": "sigterm" } });
    await scene.watch.until("told", () => scene.watch.notices().length > 0);
    scene.engine.signal(scene.id, 15);
    await scene.watch.until("stopping", () => scene.watch.record(scene.id)?.status === "stopping");

    expect(await scene.end()).toContain("set its stop signal to SIGURG");

    expect(scene.engine.killed).toEqual([]);
    expect(scene.watch.notices()[0]).toContain("has a stop gate, but its stop signal is SIGTERM as well");
  });

  it("is done where it has ended meanwhile", async () => {
    await using scene = await openScene(GATED);
    await scene.urge();
    scene.engine.silently(() => scene.engine.crash(scene.id));

    expect(await scene.end()).toBeNull();
  });

  it("is refused by a proxy that lets only reads through: says what it must allow, and is not tried again", async () => {
    await using scene = await openScene(GATED);
    await scene.urge();
    scene.engine.fail("kill", 405);

    expect(await scene.end()).toContain("the stop gate needs POST /containers/{id}/kill");
  });

  it("may be tried again where the engine fails", async () => {
    await using scene = await openScene(GATED);
    await scene.urge();
    scene.engine.fail("kill", 500);

    await expect(scene.end()).rejects.toThrow("HTTP 500");
    expect(await scene.end()).toBeNull();
  });
});
