/** One run: a story from its beginning to its end, and what was wrong with it. */
import { verifyAudit } from "../../src/audit/verify.ts";
import { createActor } from "./act.ts";
import { watchBounds } from "./bounds.ts";
import { type Cluster, createCluster } from "./cluster.ts";
import { unmountAll } from "./disk.ts";
import { type Difference, differences } from "./expected.ts";
import type { Violation } from "./judge.ts";
import { createMachine, type Machine } from "./machine.ts";
import { CLUSTER } from "./registries.ts";
import type { Story } from "./story.ts";
import { REGISTRIES } from "./weather.ts";

export interface Run {
  /** null: all is well. */
  readonly violation: Violation | null;
  /** The same for the same story. */
  readonly hash: string;
  readonly lines: readonly string[];
  /** For the measurements. */
  readonly steps: number;
}

/** From the healing of everything until it must have had its effect: a listing's period and more, ms. */
const SETTLE_MS = 75_000;
/** SIGTERM to the end, contract 5.1; ms. */
const STOP_MS = 10_000;
/** How long something must have been right until everything that hangs on it must be; ms. */
const GRACE_MS = 7_000;
/** A new leader's, with its doubts about Marathon; ms. */
const LEADER_GRACE_MS = 30_000;

/** @param frames of the stacks of what is thrown, for people; stacks that nobody reads take time */
export async function run(story: Story, frames = 0): Promise<Run> {
  const machine = createMachine(story.seed, frames);
  const cluster = createCluster(machine, story);
  const { judge } = cluster;
  const actor = createActor(cluster);
  populate(cluster);
  for (const step of story.steps) machine.after(step.at, null, step.kind, () => actor.perform(step));
  watchBounds({
    ...{ machine, differences: watchDifferences(cluster), isCalm: (difference) => isCalm(difference, cluster) },
    late: (difference, ms) =>
      judge.violate("too late", `${inWords(difference)} for ${(ms / 1000).toFixed(1)} s in calm`),
  });
  const last = Math.max(0, ...story.steps.map(({ at }) => at)) + 5_000;
  const isOver = () => judge.violations.length > 0 || machine.crashes.length > 0;
  await machine.run(last, isOver);
  actor.heal();
  await machine.run(last + SETTLE_MS, isOver);
  if (!isOver()) checkEnd(cluster);
  if (!isOver()) await stop(cluster, isOver);
  for (const crash of machine.crashes)
    judge.violate("crash", crash instanceof Error ? `${crash.stack}` : String(crash));
  await dissolve(cluster);
  unmountAll();
  const { hash, steps } = machine;
  return { violation: judge.violations[0] ?? null, hash, lines: actor.lines, steps };
}

/** Signals made of others are kept for ever by Node 20, with all that listens to them, until they abort. */
async function dissolve({ machine, everyLife, locks }: Cluster): Promise<void> {
  const over = new Error("the run is over");
  const letGo = ({ process, stop }: Cluster["everyLife"][number]) => ({ process, letGo: () => stop.abort(over) });
  await machine.dissolve(everyLife.map(letGo));
  locks.deleteKey();
}

function populate({ reality, boot, machine, random }: Cluster): void {
  reality.addApp("web", "swarm", false);
  reality.addApp("api", "swarm", true);
  reality.addApp("shop", "marathon", true);
  reality.addApp("cart", "marathon", false);
  for (const app of reality.apps) {
    const count = app.orchestrator === "marathon" ? 3 : 2;
    for (let n = 0; n < count; n++) {
      const node = reality.nodes[random.below(reality.nodes.length)];
      if (node !== undefined)
        machine.after(random.below(1_500), null, "first tasks", () => void reality.start(app, node));
    }
  }
  for (const node of reality.nodes) machine.after(random.below(1_000), null, "boot", () => boot(node));
}

function differencesIn({ servers, reality }: Cluster): readonly Difference[] {
  return REGISTRIES.flatMap((name) => differences(name, servers[name].entries, reality));
}

/** The same, worked out only after something has changed. */
function watchDifferences(cluster: Cluster): () => readonly Difference[] {
  const { servers, reality } = cluster;
  let at = "";
  let known: readonly Difference[] = [];
  return () => {
    const now = [reality, ...REGISTRIES.map((name) => servers[name])].map(({ revision }) => revision).join();
    if (now !== at) known = differencesIn(cluster);
    at = now;
    return known;
  };
}

function isCalm({ owner, registry, isServiceLevel, what }: Difference, cluster: Cluster): boolean {
  // It harms nobody, and while it was still in use when it was last listed, it is looked at ever more seldom (decision 009).
  if (isServiceLevel && what === "dead") return false;
  if (owner === CLUSTER) return isLeaderCalm(registry, cluster);
  const { reality, lives, troubles, machine } = cluster;
  const node = reality.nodes.find(({ id }) => id === owner);
  const life = node === undefined ? undefined : lives.get(node);
  if (node?.isOn !== true || life?.process.alive !== true) return false;
  const server = registry === "consul" ? `server consul ${owner}` : "server gateway";
  const keys = [`muster ${owner}`, `node ${owner}`, `line ${owner} ${registry}`, `stale ${owner} ${registry}`, server];
  const knows = ["docker", "swarm"].every((name) => isInformed(life.sources.get(`node ${name}`), machine, GRACE_MS));
  const sources = ["docker", "swarm"].map((name) => `source ${owner} ${name}`);
  return knows && troubles.isCalm([...keys, ...sources, "server swarm"], GRACE_MS);
}

function isInformed(source: { informedSince(): number | null } | undefined, machine: Machine, ms: number): boolean {
  const since = source?.informedSince() ?? null;
  return since !== null && machine.now() - since >= ms;
}

function isLeaderCalm(registry: string, { terms, troubles, machine }: Cluster): boolean {
  const term = terms.at(-1);
  if (term === undefined || term.isOver || machine.now() - term.since < LEADER_GRACE_MS) return false;
  const { life } = term;
  const { id } = life.node;
  const knows = ["swarm", "marathon"].every((name) =>
    isInformed(life.sources.get(`cluster ${name}`), machine, LEADER_GRACE_MS),
  );
  const server = registry === "consul" ? `server consul ${CLUSTER}` : "server gateway";
  const sources = ["swarm", "marathon"].flatMap((name) => [`source ${id} ${name}`, `server ${name}`]);
  const keys = [`muster ${id}`, `node ${id}`, `line ${id} ${registry}`, `stale ${CLUSTER} ${registry}`, server];
  return life.process.alive && knows && troubles.isCalm([...keys, ...sources], LEADER_GRACE_MS);
}

/** Everything has healed, and time has passed. */
function checkEnd(cluster: Cluster): void {
  const { judge, lives, reality, terms } = cluster;
  for (const difference of differencesIn(cluster)) judge.violate("not equal", `${inWords(difference)} at the end`);
  const alive = [...lives.values()].filter(({ process }) => process.alive);
  if (alive.length < reality.nodes.filter(({ isOn }) => isOn).length)
    judge.violate("not running", "a Muster is not running");
  for (const { agent, process } of alive) {
    const why = agent?.unready() ?? ["it does not answer"];
    if (why.length > 0) judge.violate("not ready", `${process.name}: ${why.join("; ")}`);
  }
  if (terms.at(-1)?.isOver !== false) judge.violate("no leader", "nobody leads at the end");
}

/** An orderly end of all, and what is left of it: the logs. */
async function stop(
  { machine, lives, judge, isStopping, auditPath, reality }: Cluster,
  isOver: () => boolean,
): Promise<void> {
  isStopping.now = true;
  const alive = [...lives.values()].filter(({ process }) => process.alive);
  for (const { process, stop } of alive) machine.after(0, process, "SIGTERM", () => stop.abort(new Error("SIGTERM")));
  await machine.run(machine.now() + STOP_MS, isOver);
  for (const { process, exit } of alive) {
    if (exit !== "stopped") judge.violate("no orderly stop", `${process.name}: ${exit ?? "goes on"}`);
  }
  for (const node of reality.nodes) {
    const { problems } = await verifyAudit(auditPath(node)).catch((error: unknown) => ({
      problems: [{ what: String(error), line: 0 }],
    }));
    // Where the power failed for good nobody has started again, who would have cut it off.
    const isExcused = (what: string) => !node.isOn && what.startsWith("torn:");
    for (const { what, line } of problems.filter((problem) => !isExcused(problem.what)))
      judge.violate("audit", `log of ${node.id.charAt(0)}, line ${line}: ${what}`);
  }
}

function inWords({ registry, key, what, owner }: Difference): string {
  return `${registry}: ${key} (of ${owner === CLUSTER ? "the cluster" : owner.charAt(0)}): ${what}`;
}
