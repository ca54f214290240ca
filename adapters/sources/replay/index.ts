/** A recording of facts, told again: for tests, demonstrations, and for looking at a bad day a second time. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { AdapterContext, Fact, Source } from "../../../src/model.ts";
import { createStamps, type Stamps } from "../stamps.ts";
import { pause } from "../waiting.ts";
import { parseFact } from "./fact.ts";
import type { ReplayOptions } from "./options.ts";

/** Lines that can't be read are noticed one by one up to here, then only counted. */
const MAX_NOTICES = 10;
const SKIPPED = "skipped";

/**
 * Tells the facts as they were recorded, clocks included, under its own name, and then stays idle until the abort. Record
 * one source a file: clocks of different sources don't compare.
 */
export function createReplaySource(options: ReplayOptions, context: AdapterContext): Source {
  return {
    name: context.name,
    async *events(signal) {
      const stamps = createStamps(context.name, context.now);
      yield stamps.fact({ kind: "source", state: "connected", error: null }, stamps.next("open"));
      try {
        yield* replay(options, stamps, signal);
      } catch (error) {
        yield failed(error, options.file, context, stamps);
      }
      await pause(Number.POSITIVE_INFINITY, signal);
    },
  };
}

async function* replay({ file, speed }: ReplayOptions, stamps: Stamps, signal: AbortSignal): AsyncGenerator<Fact> {
  let last: number | null = null;
  for await (const fact of readFacts(file, stamps)) {
    // A notice is about the recording, and no part of it.
    const isRecorded = fact.source !== stamps.source || fact.via !== SKIPPED;
    if (isRecorded && speed > 0 && last !== null) await pause((fact.at - last) / speed, signal);
    if (signal.aborted) return;
    if (isRecorded) last = fact.at;
    yield { ...fact, source: stamps.source };
  }
}

async function* readFacts(file: string, stamps: Stamps): AsyncGenerator<Fact> {
  const notice = (message: string) => stamps.fact({ kind: "notice", task: null, message }, stamps.next(SKIPPED));
  let number = 0;
  let skipped = 0;
  for await (const line of linesOf(file)) {
    number += 1;
    const fact = line.trim() === "" ? null : parseFact(line);
    if (typeof fact !== "string") {
      if (fact !== null) yield fact;
      continue;
    }
    skipped += 1;
    if (skipped <= MAX_NOTICES) yield notice(`replay: ${file}:${number} skipped: ${fact}`);
  }
  if (skipped > 0) yield notice(`replay: ${file}: ${skipped} of ${number} lines skipped`);
}

async function* linesOf(file: string): AsyncGenerator<string> {
  const input = createReadStream(file, "utf8");
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  // readline swallows the stream's error on Node 20.
  const error = new Promise<Error | null>((resolve) => {
    input.once("error", resolve);
    input.once("close", () => resolve(null));
  });
  try {
    yield* lines;
    const failure = await error;
    if (failure !== null) throw failure;
  } finally {
    lines.close();
    input.destroy();
  }
}

function failed(error: unknown, file: string, { log }: AdapterContext, stamps: Stamps): Fact {
  const { code, message } = error as NodeJS.ErrnoException;
  const text = `replay: cannot read ${file}: ${code === "ENOENT" ? "no such file" : (code ?? message)}`;
  log.warn({ error: text }, "recording not readable");
  return stamps.fact({ kind: "source", state: "disconnected", error: text }, stamps.next("failed"));
}
