/** The watched file: its text → instances. */
import { watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import * as v from "valibot";
import { parse } from "yaml";
import { type Bell, pause } from "../waiting.ts";
import { StaticInstance } from "./options.ts";

/**
 * @returns null if the file holds what it held before
 * @throws Error with one clear line, when it can't be read or is broken
 */
export async function readInstances(
  file: string,
  before: string | null,
): Promise<{ text: string; instances: readonly StaticInstance[] } | null> {
  const text = await read(file);
  return text === before ? null : { text, instances: parseInstances(file, text) };
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "no such file" : (code ?? "unreadable");
    throw new Error(`static: cannot read ${file}: ${why}`, { cause: error });
  }
}

/** The same shape as in the configuration; the bare list will do as well. */
const Envelope = v.strictObject({ instances: v.unknown() });
const List = v.array(StaticInstance, "expected a list of instances");

/** @throws Error with one clear line that names the entry */
export function parseInstances(file: string, text: string): readonly StaticInstance[] {
  const document = parseYaml(file, text);
  const isList = Array.isArray(document);
  const list = isList ? document : check(file, Envelope, document, "").instances;
  return check(file, List, list, isList ? "" : "instances");
}

function parseYaml(file: string, text: string): unknown {
  try {
    // JSON is YAML, too.
    return parse(text, { prettyErrors: false });
  } catch (error) {
    const [line] = (error instanceof Error ? error.message : String(error)).split("\n");
    throw new Error(`static: ${file} is neither YAML nor JSON: ${line}`, { cause: error });
  }
}

function check<S extends v.GenericSchema>(file: string, schema: S, value: unknown, within: string): v.InferOutput<S> {
  const { success, output, issues } = v.safeParse(schema, value);
  if (success) return output;
  const [issue] = issues;
  const where = [within, v.getDotPath(issue) ?? ""].filter((part) => part !== "").join(".");
  throw new Error(`static: ${file}${where === "" ? "" : `: ${where}`}: ${explain(issue)}`);
}

function explain({ type, expected, received, message }: v.BaseIssue<unknown>): string {
  if (type !== "strict_object") return message;
  if (expected === "never") return "unknown key";
  return received === "undefined" ? "is missing" : "expected an object with instances, or a list of them";
}

/** File systems without notifications (network, some mounts) are looked at this often, ms. */
const LOOK_EVERY = 2_000;
/** Editors and copies write in several steps; ms. */
const SETTLE = 50;

/**
 * Resolves when the file may have changed, or `bell` rang, or on abort. The folder is watched, since editors replace
 * files by rename; it need not exist.
 */
export function createFileWatch(file: string, bell: Bell, signal: AbortSignal): () => Promise<void> {
  try {
    const watcher = watch(dirname(file), { signal, persistent: false }, () => bell.ring());
    watcher.on("error", () => watcher.close());
  } catch {
    // Then looking at it from time to time has to do.
  }
  return async () => {
    await bell.wait(LOOK_EVERY, signal);
    await pause(SETTLE, signal);
  };
}
