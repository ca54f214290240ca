import { chmod, copyFile, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DockerHost } from "../test/lab/host.ts";
import { tool } from "../test/lab/packages.ts";
import { run } from "../test/lab/run.ts";

/** An image with a shell and busybox in it. */
export interface Image {
  readonly name: string;
  /** Made by us, and ours to remove. */
  readonly ours: boolean;
}

const OWN = "muster-demo:v1";
/** Where busybox can't be had as a program (not Debian), the engine may pull it. */
const PULLED = "busybox:stable";

/** Makes a tiny image of the machine's busybox, or has the engine pull one. */
export async function provideImage(host: DockerHost, signal: AbortSignal): Promise<Image> {
  try {
    await importOwn(host, signal);
    return { name: OWN, ours: true };
  } catch (error) {
    signal.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    const pull = () => host.docker(["pull", "--quiet", PULLED], { signal });
    await host
      .docker(["image", "inspect", PULLED], { signal })
      .catch(pull)
      .catch((cause: unknown) => {
        throw new Error(`no image to run: ${why}; and ${PULLED} could not be pulled`, { cause });
      });
    return { name: PULLED, ours: false };
  }
}

async function importOwn(host: DockerHost, signal: AbortSignal): Promise<void> {
  const busybox = await tool("busybox", signal);
  const folder = await mkdtemp(join(tmpdir(), "muster-demo-image-"));
  try {
    const root = join(folder, "root");
    await mkdir(join(root, "bin"), { recursive: true });
    await mkdir(join(root, "tmp"));
    await chmod(root, 0o755);
    await copyFile(busybox.path, join(root, "bin", "busybox"));
    await symlink("busybox", join(root, "bin", "sh"));
    const tar = join(folder, "root.tar");
    await run("tar", ["-C", root, "-cf", tar, "."], { signal });
    await host.docker(["import", tar, OWN], { signal });
  } finally {
    await rm(folder, { recursive: true });
  }
}
