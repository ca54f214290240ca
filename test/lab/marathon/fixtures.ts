/**
 * What Marathon's events and answers look like: examples from its documentation, its users' bug reports and tests, and
 * events derived from its source (test/fixtures/marathon; folder names tell how far to trust each).
 */
import { readFileSync } from "node:fs";
import type { Json } from "../../../src/model.ts";

interface Fixture {
  /** e.g. `events/derived/app_terminated_event.0.8+.json` */
  readonly path: string;
  /** Of a `.json` file. */
  readonly json?: Json;
  /** Of any other file, with its line ends. */
  readonly text?: string;
}

const FILE = new URL("../../fixtures/marathon/fixtures.jsonl", import.meta.url);

export function marathonFixtures(): readonly Fixture[] {
  const lines = readFileSync(FILE, "utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as Fixture);
}

/** @throws where there is none of this path */
export function marathonFixture(path: string): Json {
  const found = marathonFixtures().find((fixture) => fixture.path === path);
  if (found?.json === undefined) throw new Error(`there is no fixture ${path} in test/fixtures/marathon`);
  return found.json;
}
