/** Short ways to say facts, for tests. */
import type {
  AddressedFact,
  AssignedFact,
  DefinedFact,
  GoneFact,
  HealthFact,
  NodeFact,
  PortBinding,
  ResyncFact,
  StatusFact,
  SyncedFact,
} from "../src/model.ts";

const base = { source: "docker", clock: 1, at: 1_000, via: "test" };

export function binding(over: Partial<PortBinding> = {}): PortBinding {
  return {
    containerPort: 8080,
    protocol: "tcp",
    hostAddress: "0.0.0.0",
    hostPort: 32768,
    servicePort: null,
    portName: null,
    ...over,
  };
}

export function defined(over: Partial<DefinedFact> = {}): DefinedFact {
  return {
    ...base,
    kind: "defined",
    definition: "d1",
    app: "image:web",
    version: null,
    name: "web",
    image: "web:1",
    labels: {},
    environment: {},
    expose: "published",
    healthChecked: false,
    ...over,
  };
}

export function assigned(over: Partial<AssignedFact> = {}): AssignedFact {
  return { ...base, kind: "assigned", task: "t1", definition: "d1", inherits: null, node: "n1", ...over };
}

export function addressed(over: Partial<AddressedFact> = {}): AddressedFact {
  return {
    ...base,
    kind: "addressed",
    task: "t1",
    mode: "mapped",
    bindings: [binding()],
    networks: [],
    exposed: [],
    ...over,
  };
}

export function status(over: Partial<StatusFact> = {}): StatusFact {
  return { ...base, kind: "status", task: "t1", status: "running", reason: null, ...over };
}

export function health(over: Partial<HealthFact> = {}): HealthFact {
  return { ...base, kind: "health", task: "t1", health: "none", ...over };
}

export function gone(over: Partial<GoneFact> = {}): GoneFact {
  return { ...base, kind: "gone", task: "t1", reason: null, ...over };
}

export function node(over: Partial<NodeFact> = {}): NodeFact {
  return { ...base, kind: "node", node: "n1", address: "10.0.0.1", state: "up", ...over };
}

export function resync(over: Partial<ResyncFact> = {}): ResyncFact {
  return { ...base, kind: "resync", ...over };
}

export function synced(over: Partial<SyncedFact> = {}): SyncedFact {
  return { ...base, kind: "synced", floor: 1, trust: "node", ...over };
}

/** A running task with one published port: all facts of it, at one clock. */
export function runningTask(
  task: string,
  over: { clock?: number; source?: string; hostPort?: number; labels?: Record<string, string>; name?: string } = {},
) {
  const { clock = 1, source = "docker", hostPort = 32768, labels = {}, name = "web" } = over;
  const common = { clock, source };
  return [
    node(common),
    defined({ ...common, definition: `def:${task}`, labels, name }),
    assigned({ ...common, task, definition: `def:${task}` }),
    addressed({ ...common, task, bindings: [binding({ hostPort })] }),
    health({ ...common, task }),
    status({ ...common, task }),
  ] as const;
}
