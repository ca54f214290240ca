/** Looks at the files that `…File` keys name, before anything starts that needs them. */
import { constants, type Stats } from "node:fs";
import { access, readFile, stat } from "node:fs/promises";
import type { Config } from "../config.ts";
import { isTree } from "./shape.ts";

export interface SecretFileCheck {
  /** One line each, naming key and file; never what is in it. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

const NAMES_A_FILE = /[a-z]File$/;
/** Certificates are no secrets, and may be read by everybody. */
const HOLDS_A_SECRET = /(?:token|password|secret|key)File$/i;
/** Docker mounts secrets there with mode 0444 by default, into a file system that only the container sees. */
const CONTAINER_SECRETS = "/run/secrets/";
const LARGEST_BYTES = 1024 * 1024;

/** One file that a `…File` key names. */
export interface LookedAt {
  /** e.g. `http.tokenFile` */
  readonly key: string;
  readonly path: string;
  readonly level: "ok" | "warning" | "problem";
  /** One line; never what is in it. */
  readonly text: string;
  /** null if `ok`. */
  readonly fix: string | null;
}

/** Each file must exist, be readable and not be empty; one that everybody may read is warned of. */
export async function checkSecretFiles(config: Pick<Config, "effective">): Promise<SecretFileCheck> {
  const files = await lookAtSecretFiles(config);
  const lines = (wanted: LookedAt["level"]) =>
    files.filter(({ level }) => level === wanted).map(({ key, path, text, fix }) => `${key}: ${path}: ${text}; ${fix}`);
  return { problems: lines("problem"), warnings: lines("warning") };
}

/** All of them, in the order of the configuration. */
export async function lookAtSecretFiles(config: Pick<Config, "effective">): Promise<readonly LookedAt[]> {
  return await Promise.all(
    filesIn(config.effective, []).map(async ({ key, path }): Promise<LookedAt> => {
      const found = await lookAt(path);
      if ("problem" in found) return { key, path, level: "problem", text: found.problem, fix: found.fix };
      const mode = (found.stats.mode & 0o777).toString(8).padStart(4, "0");
      const isOpen = (found.stats.mode & 0o004) !== 0 && !path.startsWith(CONTAINER_SECRETS);
      if (!HOLDS_A_SECRET.test(key) || !isOpen) return { key, path, level: "ok", text: `mode ${mode}`, fix: null };
      return { key, path, level: "warning", text: "every user of this machine can read it", fix: "chmod o-r it" };
    }),
  );
}

function filesIn(value: unknown, path: readonly string[]): readonly { readonly key: string; readonly path: string }[] {
  if (Array.isArray(value)) return value.flatMap((inner, index) => filesIn(inner, [...path, String(index)]));
  if (!isTree(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = [...path, key];
    if (typeof inner === "string" && NAMES_A_FILE.test(key)) return [{ key: at.join("."), path: inner }];
    return filesIn(inner, at);
  });
}

interface Unusable {
  readonly problem: string;
  readonly fix: string;
}

async function lookAt(path: string): Promise<{ readonly stats: Stats } | Unusable> {
  const another = "name a file that holds the secret";
  try {
    const stats = await stat(path);
    if (!stats.isFile()) return { problem: "not a file", fix: another };
    await access(path, constants.R_OK);
    if (stats.size > LARGEST_BYTES) return { problem: "larger than 1 MiB", fix: `${another} alone` };
    if ((await readFile(path, "utf8")).trim() === "") return { problem: "empty", fix: "write the secret into it" };
    return { stats };
  } catch (error) {
    return reasonOf(error);
  }
}

function reasonOf(error: unknown): Unusable {
  const code = error instanceof Error && "code" in error ? error.code : "";
  if (code === "ENOENT") return { problem: "no such file", fix: "make it, or name another" };
  if (code === "EACCES") {
    return { problem: "can't be read: permission denied", fix: "give this user the right to read it" };
  }
  return { problem: error instanceof Error ? error.message : String(error), fix: "make it readable, or name another" };
}
