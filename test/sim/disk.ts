/**
 * Files in memory for the audit log, put in the place of the real ones for paths below `/simulated`. What a process wrote
 * survives it; what it did not sync does not survive the node. A disk can be full, or fail to sync.
 */
import { promises } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { dirname } from "node:path";

export interface Disk {
  /** Absolute; longer than a socket's path may be, so that the log is not locked by one. */
  readonly folder: string;
  fault: "none" | "full" | "no-sync";
  /** Power is lost: what was not synced is gone but for a part, as `share` in [0, 1) says. */
  crash(share: () => number): void;
  /** Told of what is certain to survive, piece by piece, for each file. */
  onSynced: ((path: string, text: string) => void) | null;
  /** When it last failed an operation, by `now`; -Infinity: never. */
  failedAt: number;
}

interface File {
  readonly ino: number;
  /** A part of a larger buffer, in place of which it grows. */
  data: Buffer;
  /** What is certain to survive. */
  durable: Buffer;
}

interface Mount extends DiskOptions {
  readonly disk: Disk;
  readonly files: Map<string, File>;
}

export interface DiskOptions {
  now(): number;
  /** Passes time before or after an operation, or (null) none. */
  pause(): Promise<void> | null;
}

const ROOT = "/simulated/";
/** Some 110 bytes. */
const DEEP = "of-a-muster-in-a-simulation-whose-path-is-too-long-for-a-socket/so-that-its-log-needs-none";

const mounts = new Map<string, Mount>();
let inodes = 0;

/** @param name without `/` */
export function mountDisk(name: string, options: DiskOptions): Disk {
  const folder = `${ROOT}${name}/${DEEP}`;
  const files = new Map<string, File>();
  const disk: Disk = {
    folder,
    fault: "none",
    onSynced: null,
    failedAt: Number.NEGATIVE_INFINITY,
    crash(share) {
      for (const file of files.values()) {
        file.data = survivor(file, share());
        file.durable = file.data;
      }
    },
  };
  mounts.set(folder, { disk, files, ...options });
  return disk;
}

export function unmountAll(): void {
  mounts.clear();
}

/** Of what was appended, a part; of what was overwritten within a sector, the old or the new. */
function survivor({ data, durable }: File, share: number): Buffer {
  const isAppended = data.length !== durable.length || data.subarray(0, durable.length).equals(durable);
  if (!isAppended) return share < 0.5 ? durable : data;
  return data.subarray(0, durable.length + Math.floor((data.length - durable.length) * share));
}

function errno(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: simulated, '${path}'`), { code });
}

function mountOf(path: string): Mount {
  const mount = mounts.get(path) ?? mounts.get(dirname(path));
  if (mount === undefined) throw errno("ENOENT", path);
  return mount;
}

function fileAt(path: string): File {
  const file = mountOf(path).files.get(path);
  if (file === undefined) throw errno("ENOENT", path);
  return file;
}

function fail(mount: Mount, code: string, path: string): never {
  mount.disk.failedAt = mount.now();
  throw errno(code, path);
}

/** Grows a file, as far as there is room. */
function write(mount: Mount, file: File, path: string, data: Buffer, at: number): void {
  const isGrowing = at + data.length > file.data.length;
  const isFull = isGrowing && mount.disk.fault === "full";
  const fits = isFull ? data.subarray(0, Math.floor(data.length / 3)) : data;
  if (at === file.data.length) file.data = appended(file.data, fits);
  else file.data = overwritten(file.data, fits, at);
  if (isFull) fail(mount, "ENOSPC", path);
}

/** What is durable lies before the end, and is never written over. */
function appended(data: Buffer, more: Buffer): Buffer {
  const length = data.length + more.length;
  const room = data.buffer.byteLength - data.byteOffset;
  const whole = length <= room ? Buffer.from(data.buffer, data.byteOffset, length) : Buffer.alloc(2 * length + 4_096);
  if (length > room) data.copy(whole);
  more.copy(whole, data.length);
  return whole.subarray(0, length);
}

/** A copy of its own, as what is durable may be the same bytes. */
function overwritten(data: Buffer, more: Buffer, at: number): Buffer {
  const whole = Buffer.alloc(Math.max(data.length, at + more.length));
  data.copy(whole);
  more.copy(whole, at);
  return whole;
}

function handleOf(path: string, mount: Mount, file: File) {
  async function sync(): Promise<void> {
    await mount.pause();
    if (mount.disk.fault === "no-sync") fail(mount, "EIO", path);
    mount.disk.onSynced?.(path, file.data.toString("utf8", file.durable.length));
    file.durable = file.data;
  }
  return {
    async appendFile(data: Buffer) {
      await mount.pause();
      write(mount, file, path, data, file.data.length);
    },
    async write(text: string, position: number) {
      await mount.pause();
      write(mount, file, path, Buffer.from(text), position);
    },
    async read(buffer: Buffer, offset: number, length: number, position: number) {
      const bytesRead = file.data.copy(buffer, offset, position, position + length);
      return { buffer, bytesRead };
    },
    async truncate(size: number) {
      file.data = file.data.subarray(0, size);
      file.durable = file.durable.subarray(0, size);
    },
    stat: async () => statOf(file),
    sync,
    datasync: sync,
    async close() {},
  };
}

function statOf({ ino, data }: File) {
  return { dev: 1, ino, size: data.length };
}

function openFolder() {
  return { async sync() {}, async close() {} };
}

const simulated = {
  async open(path: string, flags = "r") {
    const mount = mountOf(path);
    if (mounts.has(path)) return openFolder();
    const held = mount.files.get(path);
    if (held !== undefined) return handleOf(path, mount, held);
    if (flags === "r" || flags === "r+") throw errno("ENOENT", path);
    if (mount.disk.fault === "full") fail(mount, "ENOSPC", path);
    const file = { ino: ++inodes, data: Buffer.from(new ArrayBuffer(0)), durable: Buffer.from(new ArrayBuffer(0)) };
    mount.files.set(path, file);
    return handleOf(path, mount, file);
  },
  stat: async (path: string) => statOf(fileAt(path)),
  readFile: async (path: string) => fileAt(path).data.toString("utf8"),
  readdir: async (path: string) => [...mountOf(path).files.keys()].map((name) => name.slice(path.length + 1)),
  async mkdir() {},
  async rm(path: string) {
    mountOf(path).files.delete(path);
  },
  async rename(from: string, to: string) {
    const mount = mountOf(to);
    mount.files.set(to, fileAt(from));
    mount.files.delete(from);
    await mount.pause();
  },
  async truncate(path: string, size: number) {
    const file = fileAt(path);
    file.data = file.data.subarray(0, size);
    file.durable = file.durable.subarray(0, size);
  },
} as const;

const real = { ...promises } as unknown as Record<string, (path: string, ...rest: unknown[]) => Promise<unknown>>;
for (const [name, own] of Object.entries(simulated)) {
  const instead = own as (path: string, ...rest: unknown[]) => Promise<unknown>;
  Object.assign(promises, {
    [name]: (path: unknown, ...rest: unknown[]) =>
      typeof path === "string" && path.startsWith(ROOT)
        ? instead(path, ...rest)
        : real[name]?.(path as string, ...rest),
  });
}
syncBuiltinESMExports();
