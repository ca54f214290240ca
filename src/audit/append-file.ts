/** The few things that the audit writer does with its file; a test puts a failing one in its place. */
import { open } from "node:fs/promises";

export interface AppendFile {
  /** Writes all of it at the end. On an error some of it may have been written. */
  append(data: Buffer): Promise<void>;
  /** fdatasync */
  sync(): Promise<void>;
  truncate(size: number): Promise<void>;
  stat(): Promise<{ readonly ino: number; readonly size: number }>;
  close(): Promise<void>;
}

export type OpenAppendFile = (path: string) => Promise<AppendFile>;

/** Opens with O_APPEND, and creates with mode 0640. */
export async function openAppendFile(path: string): Promise<AppendFile> {
  const handle = await open(path, "a", 0o640);
  return {
    append: (data) => handle.appendFile(data),
    sync: () => handle.datasync(),
    truncate: (size) => handle.truncate(size),
    stat: () => handle.stat(),
    close: () => handle.close(),
  };
}
