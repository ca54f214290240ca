/** Secrets that live in files, as Docker and Kubernetes mount them: read when needed, read again when they change. */
import { type BigIntStats, readFileSync, statSync } from "node:fs";

export interface Secret {
  /**
   * The secret without its trailing newline. Costs one `stat` while the file does not change. While a file that was
   * readable before can't be read (it is being replaced), the last value stays; with `fresh`, for when a server has
   * refused that value, it is read whatever `stat` says and nothing stale is given.
   * Throws an Error of one line that names the file, never its content.
   */
  read(options?: { readonly fresh?: boolean }): string;
}

/** Larger than any token or password; a wrong path should not be read into a header. */
const MAX_BYTES = 65_536n;

interface Held {
  readonly value: string;
  readonly version: string;
}

/**
 * @param file followed through symbolic links at every read, since Kubernetes and Docker swap links and leave the path
 * @param what what it is, for messages, e.g. `Consul token`
 */
export function openSecret(file: string, what: string): Secret {
  let held: Held | null = null;

  function read({ fresh = false }: { readonly fresh?: boolean } = {}): string {
    try {
      const version = versionOf(statSync(file, { bigint: true }));
      if (held === null || fresh || held.version !== version) held = { value: readValue(file), version };
      return held.value;
    } catch (cause) {
      if (held !== null && !fresh) return held.value;
      throw new Error(`cannot read the ${what} from ${file}: ${reasonOf(cause)}`, { cause });
    }
  }

  return { read };
}

/** Another file under the path (a swapped link, a rename) or another content of the same file. */
function versionOf(stats: BigIntStats): string {
  if (!stats.isFile()) throw new Error("it is not a file");
  if (stats.size > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES} bytes`);
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
}

function readValue(file: string): string {
  const value = readFileSync(file, "utf8").replace(/\r?\n$/, "");
  if (value === "") throw new Error("it is empty");
  if (/[^\x20-\x7e]/.test(value)) throw new Error("it must hold a single line of printable ASCII");
  return value;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "permission denied",
  EPERM: "permission denied",
  ENOTDIR: "no such file",
  ELOOP: "its symbolic links lead in a circle",
};

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return REASONS[code] ?? (error instanceof Error ? error.message : String(error));
}
