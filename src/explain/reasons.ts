/** Why an instance is not (yet) registered as it should be, and what helps. Pure: made of what the API shows. */
import type { RegistrationView, RegistryView } from "../registry-view.ts";

/** Why something is not as one would expect it. */
export interface Reason {
  /** null: in none of them. */
  readonly registry: string | null;
  /** One line. */
  readonly why: string;
  /** One line that says what to do; null: nothing, it passes by itself. */
  readonly remedy: string | null;
}

/** What is to be explained: an instance as the API shows it. */
export interface Subject {
  readonly id: string;
  readonly service: string;
  readonly source: string;
  readonly task: string;
  readonly node: string;
  readonly state: string;
  readonly health: string;
  readonly missing: readonly string[];
  readonly notes: readonly string[];
  readonly registries: Readonly<Record<string, RegistrationView>>;
}

/** What else must be known for it. */
export interface Surroundings {
  /** The sources that are on. */
  readonly sources: readonly { readonly name: string; readonly synced: boolean; readonly error: string | null }[];
  readonly registries: readonly Pick<RegistryView, "name" | "state" | "error" | "guard">[];
  /** What the task's status facts amount to, e.g. `paused`; null while there is none. */
  readonly status: string | null;
  /** Nothing is written at all (`policy.dryRun`). */
  readonly dryRun: boolean;
}

/** Empty for an instance that is registered wherever it can be, and has nothing to be told of. */
export function reasonsOf(subject: Subject, around: Surroundings): readonly Reason[] {
  const own = subject.state === "ready" ? [] : notReady(subject, around);
  const registries = Object.entries(subject.registries).flatMap(([name, view]) =>
    inRegistry(name, view, subject, around),
  );
  return [...own, ...registries];
}

function notReady(subject: Subject, around: Surroundings): readonly Reason[] {
  if (subject.state !== "draining") return subject.missing.map((word) => missing(word, subject, around));
  if (around.status === "stopping") {
    return [reason("its task is stopping, so it gets no new connections")];
  }
  return [reason("it is drained: somebody asked for it", `muster undrain ${quoted(subject.id)}`)];
}

function missing(word: string, subject: Subject, around: Surroundings): Reason {
  const { source, node, health } = subject;
  switch (word) {
    case "definition":
      return reason(`its definition is not known yet: its labels can't be read`, asks(source, around));
    case "node":
      return reason(
        `the address of its node ${node} is not known`,
        "set node.address in the configuration of the Muster on that node",
      );
    case "address":
    case "port":
      return reason(...unreachable(word, subject, around));
    case "status":
      return around.status === null
        ? reason("whether it runs is not known yet", asks(source, around))
        : reason(`it is ${around.status}, and only what runs is registered`);
    case "health":
      return health === "failing"
        ? reason("its health check fails", "look at what the check says; it comes back by itself when the check passes")
        : reason(
            "its health check has not passed yet",
            "nothing, if it has just started; else look at what the check says (docker inspect, or its orchestrator)",
          );
    case "permission":
      return reason(...notPermitted(subject));
    default:
      return reason(`it waits for its ${word}`);
  }
}

/** A port that can't be reached from elsewhere is no port; the notes say what was found in its place. */
function unreachable(word: string, { source, notes }: Subject, around: Surroundings): [string, string] {
  const found = notes.length === 0 ? "" : ` (${notes[0]})`;
  if (source === "docker" || source === "swarm") {
    return [
      `no ${word} is known under which it can be reached from elsewhere${found}`,
      "publish a port on all addresses (-p), or name one with the label muster.port (and its network with muster.network)",
    ];
  }
  return [`its ${word} is not known yet${found}`, asks(source, around)];
}

/** The notes say what is not allowed first, each with what would help. */
function notPermitted({ notes }: Subject): [string, string] {
  const [why = "policy.claims does not allow it", ...remedy] = (notes[0] ?? "").split("; ");
  return [why, remedy.join("; ")];
}

function asks(name: string, { sources }: Surroundings): string {
  const source = sources.find((each) => each.name === name);
  if (source?.error != null) return `${name} is away: ${source.error}; muster doctor looks at it more closely`;
  return `Muster asks ${name} for it by itself; if it stays so, muster doctor looks at ${name} more closely`;
}

function inRegistry(name: string, view: RegistrationView, subject: Subject, around: Surroundings): readonly Reason[] {
  switch (view.state) {
    case "registered":
      return [];
    case "failed":
      return [{ registry: name, ...failed(view.error ?? "it failed", name) }];
    case "pending":
      return subject.state === "ready" ? [{ registry: name, ...waiting(name, subject, around) }] : [];
    case "not-applicable":
      return [{ registry: name, why: "it does not belong there", remedy: BELONGS[name] ?? null }];
  }
}

/** What makes an instance belong into the registries that take only some. */
const BELONGS: Readonly<Record<string, string>> = {
  kong: "Kong takes TCP only; with listener or onlyRouted set, only what has a route: give it the label muster.route.host or muster.route.path",
  vulcand:
    "Vulcand takes TCP only; with instances: routed, only what has a route: give it the label muster.route.host or muster.route.path",
  alb: "name a target group for its service in registries.alb.targetGroups, or with the label muster.alb.target-group",
};

function waiting(name: string, { source }: Subject, around: Surroundings): Omit<Reason, "registry"> {
  const synced = around.sources.find((each) => each.name === source)?.synced ?? false;
  if (!synced)
    return { why: `nothing is registered before ${source} has listed all that it has`, remedy: asks(source, around) };
  if (around.dryRun) return { why: "policy.dryRun is on: nothing is written", remedy: "switch policy.dryRun off" };
  const registry = around.registries.find((each) => each.name === name);
  if (registry?.error != null) {
    return {
      why: `${name} is failing: ${registry.error}`,
      remedy: `it is tried again by itself; muster doctor looks at ${name}`,
    };
  }
  return { why: "it is being registered", remedy: null };
}

function failed(error: string, registry: string): Omit<Reason, "registry"> {
  const [why = "", ...remedy] = error.split("; ");
  // Such an error says what would help by itself.
  if (/is held by service/.test(why) && remedy.length > 0) return { why, remedy: remedy.join("; ") };
  return { why: error, remedy: remedyFor(error, registry) };
}

function remedyFor(error: string, registry: string): string {
  if (/\b(?:401|403)\b|permission/i.test(error))
    return `muster doctor names the permission that ${registry} does not give`;
  if (/connection|no answer|unreachable|looked up|not known|status (?:429|5\d\d)/i.test(error)) {
    return "it is tried again by itself, at most some seconds apart";
  }
  return "change what the error names (a label, the configuration, or the entry that is there); it is tried again at once when the instance changes";
}

function reason(why: string, remedy: string | null = null): Reason {
  return { registry: null, why, remedy };
}

/** As a shell takes it. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Why a task that is known has no instance at all. */
export interface Unexposed {
  /** Whether its definition is there. */
  readonly isDefined: boolean;
  readonly isStopped: boolean;
  /** `muster.enable`; null: not said. */
  readonly enable: boolean | null;
  /** `expose: labelled`, and it does not ask to be registered. */
  readonly isUnasked: boolean;
  readonly source: string;
}

export function whyUnexposed({ isDefined, isStopped, enable, isUnasked, source }: Unexposed): Reason {
  if (isStopped) return reason("it has stopped");
  if (!isDefined) return reason("its definition is not known yet", `Muster asks ${source} for it by itself`);
  if (enable === false) {
    return reason("the label muster.enable=false says to leave it alone", "remove that label (or SERVICE_IGNORE)");
  }
  if (isUnasked) {
    return reason(
      `${source} is configured with expose: labelled, and it does not ask to be registered`,
      "give it the label muster.enable=true, or a muster.name",
    );
  }
  return reason("it has no port that could be reached", "publish a port (-p), or name one with the label muster.port");
}
