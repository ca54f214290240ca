import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Does `work` while holding a lock file, so that several test processes do not do the same thing at once. The kernel
 * frees the lock if this process dies (`flock` of util-linux holds it for us, as long as its standard input is open).
 */
export async function withLock<T>(file: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  signal?.throwIfAborted();
  await mkdir(dirname(file), { recursive: true });
  const holder = spawn("flock", ["--no-fork", file, "sh", "-c", "echo locked; read -r _"], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const stop = (): void => void holder.kill("SIGKILL");
  signal?.addEventListener("abort", stop);
  const exit = once(holder, "exit").then(() => "exit");
  try {
    const first = await Promise.race([once(holder.stdout, "data").then(() => "locked"), exit]);
    signal?.throwIfAborted();
    if (first !== "locked") throw new Error(`lab: cannot lock ${file}`);
    return await work();
  } finally {
    signal?.removeEventListener("abort", stop);
    stop();
    await exit;
  }
}
