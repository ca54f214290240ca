/**
 * The label grammar: what labels and `SERVICE_*` variables say of a task and of each of its ports. Pure, and total:
 * whatever the labels are, it gives valid metadata, and a line for everything that it dropped.
 *
 * Precedence, strongest first:
 *
 *  1. `muster.PORT.KEY` on the container, 2. on the service
 *  3. `muster.KEY` on the container, 4. on the service
 *  5. `SERVICE_PORT_x` as a container label, 6. service label, 7. variable
 *  8. `SERVICE_x` as a container label, 9. service label, 10. variable
 *
 * So within a grammar a specific key beats a general one *wherever* it is said, and only between equally specific ones
 * the container beats the service: an operator who names port 8080 on the service means that port, and a general label
 * baked into the image must not undo it. It is Registrator's rule as well. Settings are merged key by key; lists are
 * replaced, not added to. An empty value takes back what weaker labels say.
 *
 * A bad label is as good as absent: it is dropped, reported in one line, and changes nothing else. The exception are
 * `route.host`, `route.path` and `alb.target-group`: where nothing of them is usable there is no route (no target
 * group) at all, since one without its host, or a weaker label's, would attract traffic that nobody meant.
 */
import type { Layer } from "./labels/layers.ts";
import { compose, looseDetails, type Stack } from "./labels/metadata.ts";
import { type PlaceLabels, readPlace, showKeys } from "./labels/places.ts";
import type { Metadata } from "./model.ts";

export { isServiceName, toServiceName } from "./labels/service-name.ts";

export interface LabelInput {
  /** The container's. Those that start with neither `muster.` nor `SERVICE_` are nobody's business. */
  readonly labels: Readonly<Record<string, string>>;
  /** The service's: beaten by the container's. */
  readonly defaults: Readonly<Record<string, string>>;
  /** Variables that start with `SERVICE_`; others are skipped. */
  readonly environment: Readonly<Record<string, string>>;
  /**
   * Variables that may become meta pairs, as `SERVICE_VERSION` or `version`; none by default, since environments hold
   * secrets. One that looks like a secret stays out even so.
   */
  readonly metaFromEnvironment?: readonly string[];
}

export interface LabelReader {
  /** What holds for every port. */
  readonly task: Metadata;
  /** What holds for one container port, of any protocol; the very `task` where it has no keys of its own, and for null. */
  forPort(containerPort: number | null): Metadata;
  /** The container ports that have keys of their own, ascending. */
  readonly labelledPorts: readonly number[];
  /** Whether the task, or one of its labelled ports, asks to be registered (see `isRequested`). */
  readonly requested: boolean;
  /** What was dropped and why, one line each, at most 50; without control characters and probable secrets. */
  readonly problems: readonly string[];
}

const MAX_PROBLEMS = 50;

/** Whether it asks to be registered by `enable` or by a name: what `expose: labelled` goes by. */
export function isRequested(metadata: Metadata): boolean {
  return metadata.enable === true || (metadata.enable === null && metadata.name !== null);
}

/** Reads all labels of a task, once. Never throws. The order of keys does not matter. */
export function readLabels(input: LabelInput): LabelReader {
  const problems = new Set<string>();
  const report = (problem: string) => void problems.add(problem);
  const places = [
    readPlace("label", input.labels, null, report),
    readPlace("service label", input.defaults, null, report),
    readPlace("environment", input.environment, input.metaFromEnvironment ?? [], report),
  ];

  const ports = new Map<number, Metadata>();
  const task = metadataOf(places, null, report);
  for (const port of portsOf(places)) ports.set(port, metadataOf(places, port, report));
  for (const line of looseDetails(places.flatMap(allLayers))) report(line);

  return {
    task,
    forPort: (containerPort) => (containerPort === null ? task : (ports.get(containerPort) ?? task)),
    labelledPorts: [...ports.keys()],
    requested: [task, ...ports.values()].some(isRequested),
    problems: atMost(MAX_PROBLEMS, [...problems]),
  };
}

function metadataOf(places: readonly PlaceLabels[], port: number | null, report: (problem: string) => void): Metadata {
  const { metadata, leftOut } = compose(stackOf(places, port));
  if (leftOut.length > 0) report(`more meta pairs than a registry holds; left out: ${showKeys(leftOut)}`);
  return metadata;
}

/** In the order of precedence. */
function stackOf(places: readonly PlaceLabels[], port: number | null): Stack {
  const specific = port === null ? [] : places.map((place) => layersFor(place, port));
  const general = places.map((place) => layersFor(place, null));
  return {
    muster: [...specific, ...general].flatMap(({ muster }) => muster),
    registrator: [...specific, ...general].flatMap(({ registrator }) => registrator),
    specific: new Set(specific.flatMap(({ muster, registrator }) => [...muster, ...registrator])),
  };
}

function layersFor({ muster, registrator }: PlaceLabels, port: number | null) {
  return { muster: toList(muster.get(port)), registrator: toList(registrator.get(port)) };
}

function toList(layer: Layer | undefined): readonly Layer[] {
  return layer === undefined ? [] : [layer];
}

function allLayers({ muster, registrator }: PlaceLabels): readonly Layer[] {
  return [...muster.values(), ...registrator.values()];
}

function portsOf(places: readonly PlaceLabels[]): readonly number[] {
  const ports = new Set(places.flatMap(({ muster, registrator }) => [...muster.keys(), ...registrator.keys()]));
  return [...ports].filter((port) => port !== null).sort((a, b) => a - b);
}

function atMost(max: number, problems: readonly string[]): readonly string[] {
  if (problems.length <= max) return problems;
  return [...problems.slice(0, max - 1), `and ${problems.length - max + 1} more problems with labels`];
}
