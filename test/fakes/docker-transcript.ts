/**
 * Plays a recorded transcript of a real engine (test/fixtures/docker) on the fake engine's HTTP face. Each event goes out
 * as recorded, and inspects answer what the real engine answered from that event on.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import * as v from "valibot";
import { type EngineHttp, type EngineMessage, startEngineHttp } from "./docker-http.ts";

const Binding = v.object({
  IP: v.optional(v.string(), ""),
  PrivatePort: v.number(),
  PublicPort: v.optional(v.number()),
  Type: v.string(),
});
const Row = v.looseObject({
  Id: v.string(),
  State: v.string(),
  Status: v.string(),
  Ports: v.array(Binding),
  NetworkSettings: v.object({ Networks: v.record(v.string(), v.object({ IPAddress: v.string() })) }),
});
/** A row of `GET /containers/json`, as recorded at the end: the truth. */
export type RecordedRow = v.InferOutput<typeof Row>;

const Line = v.looseObject({
  t: v.number(),
  node: v.nullish(v.string()),
  kind: v.string(),
  why: v.optional(v.string()),
  what: v.optional(v.string()),
  type: v.optional(v.string()),
  id: v.optional(v.string()),
  status: v.optional(v.number()),
  state: v.optional(v.string()),
  body: v.optional(v.unknown()),
});
type Line = v.InferOutput<typeof Line>;

export interface Transcript {
  readonly nodes: readonly string[];
  /** What runs on a node at the end. */
  truth(node: string): readonly RecordedRow[];
  /** @param settled awaited between events that came apart; without it everything comes at once */
  play(node: string, engine: TranscriptEngine, settled?: () => Promise<void>): Promise<void>;
  start(node: string): Promise<TranscriptEngine>;
}

export interface TranscriptEngine extends EngineHttp {
  /** Takes one line of the transcript in. */
  apply(line: Line): Promise<void>;
}

/** Events closer together than this came in one go, s. */
const APART = 0.05;

export function readTranscript(name: string): Transcript {
  const file = new URL(`../fixtures/docker/${name}.ndjson.gz`, import.meta.url);
  const lines = gunzipSync(readFileSync(file)).toString("utf8").trim().split("\n");
  const all = lines.map((text) => v.parse(Line, JSON.parse(text)));
  const of = (node: string) => all.filter((line) => line.node === node);
  const rows = (node: string, why: string) =>
    v.parse(
      v.array(Row),
      of(node).findLast((line) => line.kind === "snapshot" && line.what === "containers" && line.why === why)?.body ??
        [],
    );
  return {
    nodes: [...new Set(all.flatMap(({ node, kind }) => (node != null && kind === "event" ? [node] : [])))],
    truth: (node) => rows(node, "end").filter(({ State }) => State !== "exited"),
    start: (node) => startTranscriptEngine(of(node)),
    async play(node, engine, settled) {
      let last = 0;
      for (const line of of(node)) {
        if (line.kind !== "event" && line.kind !== "stream") continue;
        if (line.t - last > APART) await settled?.();
        last = line.t;
        await engine.apply(line);
      }
    },
  };
}

async function startTranscriptEngine(lines: readonly Line[]): Promise<TranscriptEngine> {
  const snapshots = (what: string, why: string) =>
    lines.find((line) => line.kind === "snapshot" && line.what === what && line.why === why)?.body;
  const inspects = lines.filter((line) => line.kind === "inspect" && line.type === "container");
  const now = new Map(inspects.filter(({ why }) => why === "start").map(({ id, body }) => [id ?? "", body]));
  const atStart = v.parse(v.array(Row), snapshots("containers", "start") ?? []);
  const present = new Set(atStart.map(({ Id }) => Id));
  for (const id of now.keys()) if (!present.has(id)) now.delete(id);
  const networks = [...asArray(snapshots("networks", "start")), ...asArray(snapshots("networks", "end"))];

  const http = await startEngineHttp({
    info: () => snapshots("info", "start"),
    containers: () => [...now].flatMap(([Id, body]) => rowOf(Id, body)),
    inspect: (id) => now.get(id),
    networks: () => networks,
  });

  return {
    ...http,
    async apply(line) {
      if (line.kind === "event") return event(line);
      if (line.state === "eof") await http.down();
      if (line.state !== "open" || line.t < 1) return;
      loseTheDead(line.t);
      await http.up();
    },
  };

  /** Under live-restore nobody tells of a container that died while the engine's daemon was down. */
  function loseTheDead(t: number): void {
    const atEnd = v.parse(v.array(Row), snapshots("containers", "end") ?? []);
    const alive = new Set(atEnd.filter(({ State }) => State !== "exited").map(({ Id }) => Id));
    const later = new Set(lines.flatMap((line) => (line.kind === "event" && line.t > t ? [containerOf(line)] : [])));
    for (const id of now.keys()) if (!alive.has(id) && !later.has(id)) now.delete(id);
  }

  function event(line: Line): void {
    const message = messageOf(line);
    const id = containerOf(line);
    if (message.Action === "destroy") now.delete(id);
    // What the recorder saw when it inspected because of this very event, or else next.
    const after = inspects.filter((inspect) => inspect.id === id && inspect.t >= line.t && inspect.status === 200);
    const body = (after.find((inspect) => inspect["ev"] === message.timeNano) ?? after[0])?.body;
    if (body !== undefined && message.Action !== "destroy") now.set(id, body);
    http.send(message);
  }
}

function messageOf(line: Line): EngineMessage & { readonly timeNano: number } {
  return line["ev"] as EngineMessage & { readonly timeNano: number };
}

function containerOf(line: Line): string {
  const { Type, Actor } = messageOf(line);
  return Type === "container" ? Actor.ID : (Actor.Attributes["container"] ?? "");
}

const Inspected = v.object({
  Name: v.string(),
  State: v.object({ Status: v.string() }),
  Config: v.object({ Labels: v.nullish(v.record(v.string(), v.string())) }),
});

function rowOf(Id: string, body: unknown): readonly object[] {
  const { Name, State, Config } = v.parse(Inspected, body);
  const isListed = ["running", "paused", "restarting"].includes(State.Status);
  return isListed ? [{ Id, Names: [Name], Labels: Config.Labels, State: State.Status }] : [];
}

function asArray(body: unknown): readonly unknown[] {
  return Array.isArray(body) ? body : [];
}
