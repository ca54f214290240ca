/** Inspect → what it says as facts, and what must be remembered to read later events. Pure. */
import type {
  AddressedFact,
  AssignedFact,
  DefinedFact,
  FactBase,
  Health,
  HealthFact,
  IngressPort,
  TaskStatus,
} from "../../../src/model.ts";
import { parseDuration } from "../../../src/schema.ts";
import { baseNameOf, isImageId, repositoryOf } from "./image.ts";
import type { Inspect, NetworkKind } from "./inspect.ts";
import { addressesOf } from "./network.ts";
import { signalNumber } from "./signals.ts";
import { taskOf } from "./task.ts";

type Content<F extends FactBase> = Omit<F, keyof FactBase>;

/** A container as its last inspect had it. */
export interface Snapshot {
  readonly task: string;
  /** Whether Swarm runs it. */
  readonly swarm: boolean;
  /** Tells one run of the container from the next; the engine's text, compared only. */
  readonly startedAt: string;
  /** Signal number; null: the default. */
  readonly stopSignal: number | null;
  /** How long after a stop signal it may still be on its way down, ms. */
  readonly stopTime: number;
  readonly status: TaskStatus;
  /** e.g. `exit code 137`. */
  readonly reason: string | null;
  readonly defined: Content<DefinedFact>;
  readonly assigned: Content<AssignedFact>;
  readonly addressed: Content<AddressedFact>;
  readonly health: Content<HealthFact>;
}

export interface SnapshotContext {
  /** Id of this node. */
  readonly node: string;
  readonly expose: DefinedFact["expose"];
  readonly networks: ReadonlyMap<string, NetworkKind>;
  /** The task id that an earlier look or event gave it: it stays, even if the container is renamed. */
  readonly task: string | null;
  /** The mesh's ports of its service; null or absent: it is not on the mesh. */
  readonly ingress?: readonly IngressPort[] | null;
}

/** The engine's default, when neither the container nor the stop command says otherwise. */
const DEFAULT_STOP_TIMEOUT = 10_000;

export function snapshotOf(inspect: Inspect, context: SnapshotContext): Snapshot {
  const { Config, State } = inspect;
  const labels = Config.Labels;
  const task = context.task ?? taskOf(inspect.Id, inspect.Name, labels);
  const swarm = task !== inspect.Id;
  const definition = `container:${inspect.Id}`;
  const origin = originOf(inspect, swarm);
  const health = healthOf(State.Health?.Status);
  const [status, reason] = statusOf(inspect);
  return {
    task,
    swarm,
    startedAt: State.StartedAt,
    stopSignal: signalNumber(Config.StopSignal ?? ""),
    stopTime: stopTimeOf(inspect),
    status,
    reason,
    defined: {
      kind: "defined",
      definition,
      app: origin.app,
      // A Swarm service's version is known to its managers only.
      version: swarm || inspect.Image === "" ? null : inspect.Image,
      name: origin.name,
      image: Config.Image === "" ? null : Config.Image,
      labels,
      environment: serviceEnvironment(Config.Env),
      expose: context.expose,
      healthChecked: isHealthChecked(inspect, health),
    },
    assigned: {
      kind: "assigned",
      task,
      definition,
      inherits: origin.service === null ? null : `service:${origin.service}`,
      node: context.node,
      ...createdOf(inspect),
    },
    addressed: {
      ...{ kind: "addressed", task, ...addressesOf(inspect, context.networks) },
      ...(context.ingress ? { ingress: context.ingress } : {}),
    },
    health: { kind: "health", task, health },
  };
}

function createdOf({ Created }: Inspect): Pick<AssignedFact, "created"> {
  const created = Date.parse(Created);
  return Number.isNaN(created) ? {} : { created };
}

/** Reads a health status, as in inspect or in the event's text after the colon. */
export function healthOf(status: string | undefined): Health {
  if (status === "healthy") return "passing";
  if (status === "unhealthy") return "failing";
  return status === undefined || status === "" || status === "none" ? "none" : "unknown";
}

/** What the container belongs to. */
interface Origin {
  readonly app: string;
  /** The default service name. */
  readonly name: string;
  /** The id of its Swarm service. */
  readonly service: string | null;
}

function originOf(inspect: Inspect, swarm: boolean): Origin {
  const labels = inspect.Config.Labels;
  const service = labels["com.docker.swarm.service.id"];
  if (swarm && service) {
    return { app: `swarm:${service}`, name: labels["com.docker.swarm.service.name"] || service, service };
  }
  const compose = labels["com.docker.compose.service"];
  if (compose) {
    return { app: `compose:${labels["com.docker.compose.project"] ?? ""}/${compose}`, name: compose, service: null };
  }
  const image = inspect.Config.Image;
  if (isImageId(image, inspect.Image)) {
    return { app: `image:${inspect.Image || image}`, name: inspect.Name.replace(/^\//, ""), service: null };
  }
  return { app: `image:${repositoryOf(image)}`, name: baseNameOf(image), service: null };
}

/** @returns the status and a reason for it */
function statusOf({ State }: Inspect): [TaskStatus, string | null] {
  // A container that waits for its next restart counts as running too, so the order matters.
  if (State.Restarting || State.Status === "restarting") return ["staging", "restarting"];
  if (State.Paused || State.Status === "paused") return ["paused", null];
  if (State.Status === "running") return ["running", null];
  if (State.Status === "created") return ["staging", "created"];
  return ["stopped", `exit code ${State.ExitCode ?? "unknown"}`];
}

function isHealthChecked({ Config }: Inspect, health: Health): boolean {
  const [test] = Config.Healthcheck?.Test ?? [];
  return health !== "none" || (test !== undefined && test !== "NONE" && test !== "");
}

function stopTimeOf({ Config }: Inspect): number {
  const timeout = Config.StopTimeout == null ? DEFAULT_STOP_TIMEOUT : Config.StopTimeout * 1000;
  return Math.max(timeout, parseDuration(Config.Labels["muster.drain"] ?? "") ?? 0);
}

/** The variables in which Registrator's users say what labels say; no others, since environments hold secrets. */
export function serviceEnvironment(env: readonly string[]): Readonly<Record<string, string>> {
  const entries = env
    .filter((entry) => /^SERVICE_[^=]*=/.test(entry))
    .map((entry): [string, string] => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]);
  return Object.fromEntries(entries);
}
