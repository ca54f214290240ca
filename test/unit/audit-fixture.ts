/** What the tests of the audit log share: a folder, a clock, and a way to open the log. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AuditInput } from "../../src/audit/record.ts";
import { type Audit, type AuditOptions, openAudit } from "../../src/audit.ts";
import type { Logger } from "../../src/model.ts";

export interface LogFolder extends AsyncDisposable {
  readonly path: string;
  open(options?: Partial<AuditOptions>): Promise<Audit>;
  /** Lines of `path` + `suffix`, without the empty one at the end. */
  lines(suffix?: string): Promise<string[]>;
}

export async function logFolder(): Promise<LogFolder> {
  const folder = await mkdtemp(join(tmpdir(), "muster-audit-"));
  const path = join(folder, "audit.jsonl");
  let time = Date.UTC(2026, 10, 1);
  return {
    path,
    open: (options = {}) => openAudit({ path, node: "n1", log: silent, now: () => (time += 1000), ...options }),
    async lines(suffix = "") {
      return (await readFile(path + suffix, "utf8")).split("\n").slice(0, -1);
    },
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function register(id: string, more: Partial<AuditInput> = {}): AuditInput {
  return { action: "register", registry: "consul", id, service: "web", ok: true, ...more };
}

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
