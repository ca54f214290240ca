/** Holds the fake Kong against what real ones answered: every recorded request, in order, on each version. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { type FakeKong, type FakeKongOptions, startFakeKong } from "../fakes/kong/kong.ts";
import { isUuid } from "../fakes/kong/store.ts";

interface Row {
  readonly group: string;
  readonly note: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly status: number;
  readonly answerHeaders: Readonly<Record<string, string>>;
  readonly answer: unknown;
}

/** What the fake can't answer as recorded, and why. */
const NOT_COVERED: readonly { readonly reason: string; readonly is: (row: Row, version: string) => boolean }[] = [
  { reason: "goes to the proxy port, not to the Admin API", is: ({ path }) => /^\/(?:web\/|nothing)/.test(path) },
  { reason: "the balancer's view of health; the adapter never asks", is: isHealth },
  {
    reason: "documents the node, not what it holds",
    is: ({ path }) => /^\/(?:endpoints|schemas|workspaces)/.test(path),
  },
  {
    reason: "the recorded 2.1.4 had tags left over from an earlier run",
    is: ({ path }, version) => version === "2.1.4" && path.startsWith("/tags"),
  },
  {
    reason: "2.1.4 had cleaned up its history of targets by then, at a moment of its own",
    is: ({ group, path }, version) => version === "2.1.4" && group === "tags_pagination" && path.includes("/targets"),
  },
];

function isHealth({ path }: Row): boolean {
  return /\/(?:un)?healthy$/.test(path) || (/\/health(?:\?|$)/.test(path) && path !== "/upstreams/none/health");
}

/** Compared by status alone: the text of the message is the Lua of a nested table, or of another place. */
const STATUS_ONLY: ReadonlySet<string> = new Set(["bad: schema", "bad: duplicate names", "bad: dup targets"]);

/** What the recording did between two groups without recording it: it took away all targets but two. */
const LEFT = ["127.0.0.1:45901", "127.0.0.1:45902"];

let kong: FakeKong | null = null;
afterEach(async () => {
  await kong?.[Symbol.asyncDispose]();
  kong = null;
});

describe.each([
  { file: "3.4.2", options: { version: "3.4.2" }, covered: 140 },
  { file: "2.8.5", options: { version: "2.8.5" }, covered: 140 },
  { file: "2.1.4", options: { version: "2.1.4" }, covered: 135 },
  { file: "3.4.2-dbless", options: { version: "3.4.2", dbless: true }, covered: 20 },
  { file: "health-3.4.2", options: { version: "3.4.2" }, covered: 3 },
  { file: "health-2.8.5", options: { version: "2.8.5" }, covered: 3 },
] satisfies readonly { readonly file: string; readonly options: FakeKongOptions; readonly covered: number }[])(
  "the fake Kong against the transcript $file",
  ({ file, options, covered }) => {
    it("answers every recorded request with the recorded status, body and fields", async () => {
      const rows = recorded(file);
      const ids: { next: string | null } = { next: null };
      kong = await startFakeKong({ ...options, nextId: () => ids.next ?? randomUUID() });
      const differences: unknown[] = [];
      let played = 0;

      for (const row of rows) {
        if (reasonAgainst(row, file) !== null) continue;
        if (row.group === "tags_pagination" && row.path.includes("/targets")) leaveTwo(kong);
        played += 1;
        ids.next = idIn(row.answer);
        const got = await play(kong, row);
        const want = comparable(row, { status: row.status, headers: row.answerHeaders, body: row.answer });
        if (JSON.stringify(got) !== JSON.stringify(want))
          differences.push({ note: row.note, path: row.path, got, want });
      }

      expect(differences).toEqual([]);
      expect(played).toBeGreaterThanOrEqual(covered);
    });
  },
);

function leaveTwo({ world: { store } }: FakeKong): void {
  for (const { id, target } of store.targets.values()) if (!LEFT.includes(String(target))) store.targets.delete(id);
}

function recorded(file: string): readonly Row[] {
  const packed = readFileSync(new URL(`../fixtures/kong/${file}.ndjson.gz`, import.meta.url));
  return gunzipSync(packed)
    .toString()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

function reasonAgainst(row: Row, version: string): string | null {
  return NOT_COVERED.find(({ is }) => is(row, version))?.reason ?? null;
}

async function play({ url }: FakeKong, row: Row): Promise<unknown> {
  const body = typeof row.body === "string" ? row.body : JSON.stringify(row.body);
  const hasBody = row.body !== null && row.body !== undefined;
  const answer = await fetch(`${url}${row.path}`, {
    method: row.method,
    headers: row.headers,
    ...(hasBody && { body }),
  });
  const text = await answer.text();
  const deprecation = answer.headers.get("deprecation");
  const headers = deprecation === null ? {} : { deprecation };
  return comparable(row, { status: answer.status, headers, body: text === "" ? null : JSON.parse(text) });
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

function comparable(row: Row, answer: Answer): unknown {
  if (STATUS_ONLY.has(row.note)) return answer.status;
  const body = row.path === "/config" && row.method === "GET" ? parsed(answer.body) : answer.body;
  const plain = sorted({ ...answer, body }, row.group === "dbless" ? () => true : isZero) as { readonly body: unknown };
  return row.path.endsWith("/targets/all") ? { ...plain, body: inAnyOrder(plain.body) } : plain;
}

/** Their order is that of the ids, of which some are untold. */
function inAnyOrder(body: unknown): unknown {
  const { data } = body as { readonly data: readonly unknown[] };
  return data.toSorted(byJson);
}

function isZero(target: object): boolean {
  return "weight" in target && target.weight === 0;
}

/** `GET /config` gives YAML in a string. */
function parsed(body: unknown): unknown {
  const { config } = body as { readonly config: string };
  return Object.keys(parse(config) as object).toSorted(byJson);
}

/**
 * With sorted keys, and without what is different each time: moments, hashes, and the ids of rows that the answer to
 * their making did not tell (2.1.4's deletions, DB-less targets). Maps by id become lists.
 */
function sorted(value: unknown, isIdUntold: (target: object) => boolean): unknown {
  const inner = (each: unknown): unknown => sorted(each, isIdUntold);
  if (Array.isArray(value)) return value.map(inner);
  if (typeof value !== "object" || value === null) return value;
  const keys = Object.keys(value);
  if (keys.length > 0 && keys.every(isUuid)) return Object.values(value).map(inner).sort(byJson);
  const isUntold = "target" in value && isIdUntold(value);
  const entries = Object.entries(value)
    .map(([key, each]): [string, unknown] => [
      key,
      VARIABLE.has(key) || (isUntold && key === "id") ? typeof each : inner(each),
    ])
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries);
}

function byJson(a: unknown, b: unknown): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}

const VARIABLE: ReadonlySet<string> = new Set(["created_at", "updated_at", "node_id", "configuration_hash"]);

/** The id that the real one chose for what it made. */
function idIn(answer: unknown): string | null {
  return typeof answer === "object" && answer !== null && "id" in answer ? String(answer.id) : null;
}
