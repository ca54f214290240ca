/** Recorded days of real engines through the docker source: at the end it says what the engine's last listing says. */
import { describe, expect, it } from "vitest";
import type { TaskRecord } from "../../../src/correlate.ts";
import { type RecordedRow, readTranscript, type TranscriptEngine } from "../../fakes/docker-transcript.ts";
import { until } from "../../lab/wait.ts";
import { type Watch, watchSource } from "../../watch-source.ts";
import { dockerSource } from "./docker-lab.ts";

const TRANSCRIPTS = ["plain", "plain-28.5", "daemon-restart", "live-restore-die-while-down", "svc-host-drain"];
const SWARM_TASK = "com.docker.swarm.task.id";

describe.each(TRANSCRIPTS)("transcript %s", (name) => {
  const transcript = readTranscript(name);
  const cases = transcript.nodes.flatMap((node) => [
    { node, pace: "one after the other" },
    { node, pace: "all at once" },
  ]);

  it.each(cases)("$node, $pace", async ({ node, pace }) => {
    await using engine = await transcript.start(node);
    await using watch = watchSource(dockerSource(engine.host).source);
    await watch.until("first listing", () => watch.syncs() === 1);
    const settled = () => untilQuiet(watch, () => engine.hits.inspect + engine.hits.containers);
    await transcript.play(node, engine, pace === "all at once" ? undefined : settled);
    await untilRead(watch, engine);
    const expected = transcript.truth(node).map(truthOf).sort(byTask);
    await until(() => JSON.stringify(told(watch)) === JSON.stringify(expected) || undefined, {
      what: "the recorded truth",
      timeoutMs: 8_000,
      everyMs: 5,
    }).catch(() => undefined);
    expect(told(watch)).toEqual(expected);
    expect(watch.tasks().size, "the marker, and what ran").toBeGreaterThan(1);
    expect(watch.notices()).toEqual([]);
  });
});

/** Everything sent so far has been read, since what is sent after it has. Sent again for a source that reconnects just now. */
async function untilRead(watch: Watch, engine: TranscriptEngine): Promise<void> {
  const marker = { Type: "container", Action: "destroy", Actor: { ID: "marker", Attributes: {} } };
  await until(
    () => {
      if (engine.streams() > 0) engine.send(marker);
      return watch.tasks().has("marker");
    },
    { what: "the end of the transcript", timeoutMs: 10_000, everyMs: 20 },
  );
}

/** Nothing under way: what was asked has been answered, and no new fact has come for a few turns of the event loop. */
async function untilQuiet(watch: Watch, requests: () => number): Promise<void> {
  let seen = "";
  let calm = 0;
  await until(
    () => {
      const now = `${watch.facts.length} ${requests()}`;
      calm = now === seen ? calm + 1 : 0;
      seen = now;
      return calm > 5;
    },
    { what: "a quiet moment", timeoutMs: 10_000, everyMs: 1 },
  );
}

interface Known {
  readonly task: string;
  readonly ports: readonly string[];
  readonly networks: readonly string[];
  readonly health: string;
}

function told(watch: Watch): readonly Known[] {
  const records = [...watch.running()].flatMap((task) => watch.record(task) ?? []);
  return records.map(knownOf).sort(byTask);
}

function knownOf({ task, addressed, health }: TaskRecord): Known {
  const ports =
    addressed?.bindings.map((b) => `${b.hostAddress}:${b.hostPort}->${b.containerPort}/${b.protocol}`) ?? [];
  const networks = addressed?.networks.map((network) => `${network.name} ${network.address}`) ?? [];
  return { task, ports: [...ports].sort(byText), networks: [...networks].sort(byText), health: health ?? "" };
}

/** Read from the listing by other rules than the source's, which reads inspects. */
function truthOf({ Id, Status, Ports, NetworkSettings, Labels }: RecordedRow): Known {
  const labels = Labels as Record<string, string>;
  const published = Ports.filter(({ IP, PublicPort }) => PublicPort !== undefined && !IP.includes(":"));
  const attached = Object.entries(NetworkSettings.Networks).filter(
    ([name, { IPAddress }]) => IPAddress !== "" && name !== "ingress",
  );
  return {
    task: labels[SWARM_TASK] ?? Id,
    ports: published.map((p) => `${p.IP}:${p.PublicPort}->${p.PrivatePort}/${p.Type}`).sort(byText),
    networks: attached.map(([name, { IPAddress }]) => `${name} ${IPAddress}`).sort(byText),
    health: /\(healthy\)/.test(Status) ? "passing" : /\(unhealthy\)/.test(Status) ? "failing" : "none",
  };
}

function byTask(a: Known, b: Known): number {
  return a.task < b.task ? -1 : 1;
}

function byText(a: string, b: string): number {
  return a < b ? -1 : 1;
}
