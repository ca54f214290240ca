import { type SourceLab, testSource } from "../../conformance/source.ts";
import { type EventOrder, startFakeEngine } from "../../fakes/docker-engine.ts";
import { until } from "../../lab/wait.ts";
import { dockerSource } from "./docker-lab.ts";

async function openLab(order: EventOrder): Promise<SourceLab> {
  const engine = await startFakeEngine({ order });
  const capacity = 200;
  const { source } = dockerSource(engine.host, { limits: { queue: capacity } });
  return {
    source,
    capacity,
    heardOf: (task) =>
      until(() => engine.inspected.includes(task), {
        what: `an inspect of ${task}`,
        timeoutMs: 15_000,
        everyMs: 2,
      }).then(() => undefined),
    start: async () => engine.run(),
    end: async (task) => engine.remove(task),
    running: () => new Set(engine.running().keys()),
    async whileListing(during) {
      const list = engine.hold("containers");
      await list.reached;
      await during();
      list.release();
    },
    cut: async () => engine.cut(),
    garble: async () => engine.write('{"Type":"container","Action":"sta\n'),
    open: () => engine.connections(),
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}

testSource("docker, events in the order of 20.10", { open: () => openLab("20.10") });
testSource("docker, events in the order of 28.5", { open: () => openLab("28.5") });
