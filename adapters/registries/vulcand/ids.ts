/**
 * Vulcand keeps no metadata, so an object's id says whose it is and what it stands for. Ids are fields, each ended by `:`,
 * of a fixed number per kind of object; no field holds a `:`, so no id of ours is the beginning of another, which matters
 * where DELETE deletes by prefix (hazard 1, facts/vulcand.md §5). The reading is strict: an id that we would have written
 * differently is a stranger's.
 */
import { createHash } from "node:crypto";

const MARK = "muster";
/** Longer ids could be stored, but not be asked for through every proxy. */
export const MAX_ID = 1000;

/** What a server's id says besides cluster and node. */
export interface ServerIdentity {
  readonly source: string;
  readonly task: string;
  readonly instance: string;
  /** Tokens of the frontends and listeners that the instance needs, so that no other node takes them away. */
  readonly needs: readonly string[];
}

export interface Ids {
  readonly node: string;
  backend(service: string): string;
  listener(service: string, port: number): string;
  frontend(service: string, host: string, path: string): string;
  server(identity: ServerIdentity): string;
  /** The service that a backend (2), listener (3) or frontend (4) of this cluster is for; null: not ours. */
  serviceOf(id: string, kind: "backend" | "listener" | "frontend"): string | null;
  /** A server of any node of this cluster; null: not ours. */
  readServer(id: string): (ServerIdentity & { readonly node: string }) | null;
}

const FIELDS = { backend: 2, listener: 3, frontend: 4, server: 6 } as const;

export function createIds(cluster: string, node: string): Ids {
  return {
    node,
    backend: (service) => join(cluster, service),
    listener: (service, port) => join(cluster, service, String(port)),
    frontend: (service, host, path) => join(cluster, service, host, path),
    server: ({ source, task, instance, needs }) =>
      join(cluster, node, source, task, restOf(task, instance), [...needs].sort(byText).join(".")),
    serviceOf(id, kind) {
      const [owner, service] = fieldsOf(id, FIELDS[kind]) ?? [];
      return owner === cluster ? (service ?? null) : null;
    },
    readServer(id) {
      const [owner, of = "", source = "", task = "", rest = "", needs = ""] = fieldsOf(id, FIELDS.server) ?? [];
      if (owner !== cluster) return null;
      const tokens = needs === "" ? [] : needs.split(".");
      return { node: of, source, task, instance: instanceOf(task, rest), needs: tokens };
    },
  };
}

/** Short for a frontend's or listener's id, in the ids of servers. */
export function tokenOf(id: string): string {
  return createHash("sha256").update(id).digest("hex").slice(0, 8);
}

/** Instance ids are mostly `task:port`: the task is said once. Anything else follows a `=`. */
function restOf(task: string, instance: string): string {
  if (instance === task) return "";
  const rest = instance.slice(task.length + 1);
  return instance.startsWith(`${task}:`) && rest !== "" && !rest.startsWith("=") ? rest : `=${instance}`;
}

function instanceOf(task: string, rest: string): string {
  if (rest === "") return task;
  return rest.startsWith("=") ? rest.slice(1) : `${task}:${rest}`;
}

function join(...fields: readonly string[]): string {
  return [MARK, ...fields].map((field) => `${escaped(field)}:`).join("");
}

function fieldsOf(id: string, count: number): readonly string[] | null {
  const parts = id.split(":");
  if (parts.length !== count + 2) return null;
  const fields = parts.slice(1, -1).map(unescaped);
  return join(...fields) === id ? fields : null;
}

/** Injective, and of characters that no URL, etcd key or shell takes amiss; others become `~` and the hex of each byte. */
function escaped(text: string): string {
  return text.replace(/[^A-Za-z0-9._-]/gu, (character) =>
    [...Buffer.from(character, "utf8")].map((byte) => `~${byte.toString(16).padStart(2, "0")}`).join(""),
  );
}

function unescaped(text: string): string {
  return text.replace(/(?:~[0-9a-f]{2})+/g, (run) => Buffer.from(run.replaceAll("~", ""), "hex").toString("utf8"));
}

function byText(a: string, b: string): number {
  return a < b ? -1 : 1;
}
