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

/** Each file must exist, be readable and not be empty; one that everybody may read is warned of. */
export async function checkSecretFiles(config: Pick<Config, "effective">): Promise<SecretFileCheck> {
  const problems: string[] = [];
  const warnings: string[] = [];
  for (const { key, path } of filesIn(config.effective, [])) {
    const found = await lookAt(path);
    if ("problem" in found) problems.push(`${key}: ${path}: ${found.problem}`);
    else if (HOLDS_A_SECRET.test(key) && (found.stats.mode & 0o004) !== 0 && !path.startsWith(CONTAINER_SECRETS)) {
      warnings.push(`${key}: ${path}: every user of this machine can read it; chmod o-r it`);
    }
  }
  return { problems, warnings };
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

async function lookAt(path: string): Promise<{ readonly stats: Stats } | { readonly problem: string }> {
  try {
    const stats = await stat(path);
    if (!stats.isFile()) return { problem: "not a file; name a file that holds the secret" };
    await access(path, constants.R_OK);
    if (stats.size > LARGEST_BYTES) return { problem: "larger than 1 MiB; name a file that holds the secret alone" };
    if ((await readFile(path, "utf8")).trim() === "") return { problem: "empty; write the secret into it" };
    return { stats };
  } catch (error) {
    return { problem: reasonOf(error) };
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : "";
  if (code === "ENOENT") return "no such file; make it, or name another";
  if (code === "EACCES") return "can't be read: permission denied; give this user the right to read it";
  return error instanceof Error ? error.message : String(error);
}
