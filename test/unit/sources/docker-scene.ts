/** A docker source on a fake engine, listened to. */
import { type EventOrder, type FakeEngine, startFakeEngine } from "../../fakes/docker-engine.ts";
import { until } from "../../lab/wait.ts";
import { type Watch, watchSource } from "../../watch-source.ts";
import { dockerSource, type SetupOptions } from "./docker-lab.ts";

export interface Scene extends AsyncDisposable {
  readonly engine: FakeEngine;
  readonly watch: Watch;
  port(id: string): number | undefined;
  status(id: string): string | null | undefined;
}

/** A source that has listed what `prepare` left running. */
export async function openScene(
  order: EventOrder,
  setup: SetupOptions = {},
  prepare: (engine: FakeEngine) => void = () => {},
): Promise<Scene> {
  const engine = await startFakeEngine({ order });
  prepare(engine);
  await nextMoment();
  const watch = watchSource(dockerSource(engine.host, setup).source);
  await watch.until("first listing", () => watch.syncs() === 1);
  return {
    engine,
    watch,
    port: (id) => watch.record(id)?.addressed?.bindings[0]?.hostPort,
    status: (id) => watch.record(id)?.status,
    async [Symbol.asyncDispose]() {
      await watch.stop();
      await engine[Symbol.asyncDispose]();
    },
  };
}

/** The engine's clock has moved on: what happens at the very moment at which a source connects is told to it once more. */
export async function nextMoment(): Promise<void> {
  const moment = Date.now();
  await until(() => Date.now() > moment, { timeoutMs: 1_000, everyMs: 1, what: "a later moment" });
}

/** A container as Swarm makes it. */
export function swarm(task: string) {
  const labels = {
    "com.docker.swarm.task.id": task,
    "com.docker.swarm.service.id": "s1",
    "com.docker.swarm.service.name": "shop",
  };
  return { name: `shop.1.${task}`, labels };
}
