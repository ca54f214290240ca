/** The whole way from a simulated Marathon to instances, beside what really runs. */
import type { MarathonLimits } from "../../../adapters/sources/marathon/limits.ts";
import type { Fact, Instance } from "../../../src/model.ts";
import { createWorld, type World } from "../../../src/world.ts";
import { type Marathon, type MarathonOptions, startMarathon } from "../../lab/marathon/marathon.ts";
import { until } from "../../lab/wait.ts";
import type { MemoryLog } from "../../watch-source.ts";
import { marathonSource, type SetupOptions } from "./lab.ts";

export interface Landscape extends AsyncDisposable {
  readonly marathon: Marathon;
  readonly world: World;
  readonly log: MemoryLog;
  readonly facts: readonly Fact[];
  /** Endpoints that are registered, and those that should be; one line each, sorted. */
  registered(): readonly string[];
  truth(): readonly string[];
  resync(): void;
  resolve(task: string): void;
  until(what: string, condition: () => boolean): Promise<void>;
  /** Until what is registered is what really runs, and nothing waits to be heard. */
  agrees(): Promise<void>;
  synced(times: number): Promise<void>;
  notices(): readonly string[];
  /** Endpoints that were registered at some time. */
  readonly everRegistered: ReadonlySet<string>;
}

export interface LandscapeOptions {
  readonly marathon?: MarathonOptions;
  readonly limits?: Partial<MarathonLimits>;
  readonly setup?: SetupOptions;
}

export async function openLandscape({ marathon: options, limits, setup }: LandscapeOptions = {}): Promise<Landscape> {
  const marathon = await startMarathon({ now: Date.now, ...options });
  const { source, log } = marathonSource(marathon.urls, { ...setup, limits: { ...limits, ...setup?.limits } });
  const world = createWorld({ sources: ["marathon"] });
  const abort = new AbortController();
  const facts: Fact[] = [];
  const everRegistered = new Set<string>();
  world.subscribe({
    changed(changes) {
      for (const { after } of changes) if (after?.state === "ready") everRegistered.add(line(after));
    },
  });
  const ended = listen();

  async function listen(): Promise<void> {
    for await (const fact of source.events(abort.signal)) {
      facts.push(fact);
      world.join(fact);
    }
  }

  async function wait(what: string, condition: () => boolean): Promise<void> {
    await until(condition, { what, timeoutMs: 40_000, everyMs: 25 });
  }

  const registered = () =>
    [...world.instances()]
      .filter(({ state }) => state === "ready")
      .map(line)
      .sort(byText);
  const truth = () => truthOf(marathon);
  const syncs = () => facts.filter(({ kind }) => kind === "synced").length;

  return {
    ...{ marathon, world, log, facts, registered, truth, everRegistered },
    resync: () => source.resync?.(),
    resolve: (task) => source.resolve?.(task),
    until: wait,
    async agrees() {
      try {
        await wait("what really runs", () => registered().join("\n") === truth().join("\n"));
      } catch (cause) {
        throw new Error(`not what really runs; ${difference(registered(), truth())}`, { cause });
      }
    },
    synced: (times) => wait(`listing ${times}`, () => syncs() >= times),
    notices: () => facts.flatMap((fact) => (fact.kind === "notice" ? [fact.message] : [])),
    async [Symbol.asyncDispose]() {
      abort.abort(new Error("the test is over"));
      await ended;
      await marathon[Symbol.asyncDispose]();
    },
  };
}

function difference(registered: readonly string[], truth: readonly string[]): string {
  const [have, want] = [new Set(registered), new Set(truth)];
  const missing = truth.filter((endpoint) => !have.has(endpoint));
  const wrong = registered.filter((endpoint) => !want.has(endpoint));
  return `missing:\n${missing.join("\n")}\nwrong:\n${wrong.join("\n")}`;
}

/** Endpoints of tasks that run and are healthy. */
function truthOf({ cluster }: Marathon): readonly string[] {
  return cluster
    .truth()
    .filter(({ running, healthy }) => running && healthy)
    .flatMap(({ task, version, host, endpoints }) =>
      endpoints.map((endpoint) => text({ task, version, node: host, ...endpoint })),
    )
    .sort(byText);
}

function line(instance: Instance): string {
  return text({ ...instance, address: instance.address ?? "", version: instance.version ?? "" });
}

interface Shown {
  readonly task: string;
  readonly version: string;
  readonly node: string;
  readonly address: string;
  readonly port: number | null;
  readonly protocol: string;
  readonly containerPort: number | null;
  readonly servicePort: number | null;
  readonly portName: string | null;
}

function text({ task, version, node, address, port, protocol, containerPort, servicePort, portName }: Shown): string {
  return `${task} v${version} on ${node} ${address}:${port}/${protocol} of ${containerPort} for ${servicePort} as ${portName}`;
}

function byText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
