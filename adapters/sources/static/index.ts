/** Instances that are simply declared, in the configuration or in a watched file. */
import type { AdapterContext, Fact, Source, SourceStateFact } from "../../../src/model.ts";
import { type Content, createStamps, type Stamps } from "../stamps.ts";
import { createBell } from "../waiting.ts";
import { createFileWatch, readInstances } from "./file.ts";
import type { StaticInstance, StaticOptions } from "./options.ts";

export function createStaticSource(options: StaticOptions, context: AdapterContext): Source {
  const bell = createBell();
  let requested = false;
  return {
    name: context.name,
    resync() {
      requested = true;
      bell.ring();
    },
    async *events(signal) {
      const teller = createTeller(options, context);
      const changed =
        options.file === undefined
          ? () => bell.wait(Number.POSITIVE_INFINITY, signal)
          : createFileWatch(options.file, bell, signal);
      for (let isFirst = true; !signal.aborted; isFirst = false) {
        const wanted = isFirst || requested;
        requested = false;
        for (const fact of await teller.next(wanted)) if (!signal.aborted) yield fact;
        await changed();
      }
    },
  };
}

interface Teller {
  /**
   * Looks at the file.
   * @param wanted whether a listing is asked for, even if nothing has changed
   * @returns what there is to tell
   */
  next(wanted: boolean): Promise<readonly Fact[]>;
}

function createTeller({ file, instances: inline }: StaticOptions, context: AdapterContext): Teller {
  const stamps = createStamps(context.name, context.now);
  /** What the file held when it was last right; null: it never was. */
  let good: { readonly text: string; readonly instances: readonly StaticInstance[] } | null = null;
  let said: Pick<SourceStateFact, "state" | "error"> | null = null;

  return { next };

  async function next(wanted: boolean): Promise<readonly Fact[]> {
    try {
      const changed = file === undefined ? null : await readInstances(file, good?.text ?? null);
      good = changed ?? good;
      if (changed === null && !wanted && said?.state === "connected") return [];
    } catch (error) {
      return broken(error instanceof Error ? error.message : String(error));
    }
    return [...say("connected", null), ...listing([...inline, ...(good?.instances ?? [])])];
  }

  /** A source in error keeps its last known state, so there is no listing: it would drop what the file no longer tells. */
  function broken(error: string): readonly Fact[] {
    if (said?.error === error) return [];
    const kept = good?.instances.length ?? null;
    context.log.warn({ error, kept }, "static file not usable, its last good state is kept");
    return say("disconnected", error);
  }

  function say(state: SourceStateFact["state"], error: string | null): readonly Fact[] {
    if (said?.state === state && said.error === error) return [];
    said = { state, error };
    return [stamps.fact({ kind: "source", ...said }, stamps.next(state))];
  }

  function listing(instances: readonly StaticInstance[]): readonly Fact[] {
    const opening = stamps.next("list");
    const { id, address } = context.node;
    const tasks = new Map(instances.map((instance) => [taskOf(instance), instance]));
    const repeats = instances.filter((instance) => tasks.get(taskOf(instance)) !== instance).map(repeatOf);
    return [
      stamps.fact({ kind: "resync" }, opening),
      ...stamped([{ kind: "node", node: id, address, state: "up" }, ...repeats], stamps),
      ...[...tasks].flatMap(([task, instance]) => stamped(contentsOf(task, instance, id), stamps)),
      // Never "gone", which is for good: an entry may come back.
      ...stamped([{ kind: "synced", floor: opening.clock, trust: "whole" }], stamps),
    ];
  }
}

/** One moment for all: they belong together. */
function stamped(contents: readonly Content[], stamps: Stamps): readonly Fact[] {
  const stamp = stamps.next("list");
  return contents.map((content) => stamps.fact(content, stamp));
}

/** Its place is its identity: the same line is the same task, also after a restart. */
function taskOf({ service, address, port, protocol }: StaticInstance): string {
  return `${service}@${address}:${port}${protocol === "tcp" ? "" : `/${protocol}`}`;
}

function repeatOf(instance: StaticInstance): Content {
  return {
    kind: "notice",
    task: taskOf(instance),
    message: `static: ${taskOf(instance)} is declared twice; the last one counts`,
  };
}

function contentsOf(task: string, instance: StaticInstance, node: string): readonly Content[] {
  const { service, address, port, protocol, labels } = instance;
  const definition = `static:${task}`;
  const binding = {
    containerPort: null,
    protocol,
    hostAddress: address,
    hostPort: port,
    servicePort: null,
    portName: null,
  };
  return [
    {
      ...{ kind: "defined", definition, app: `static:${service}`, version: null, name: service, image: null, labels },
      ...{ environment: {}, expose: "published", healthChecked: false },
    },
    { kind: "assigned", task, definition, inherits: null, node },
    { kind: "addressed", task, mode: "mapped", bindings: [binding], networks: [], exposed: [] },
    { kind: "health", task, health: "none" },
    { kind: "status", task, status: "running", reason: null },
  ];
}
