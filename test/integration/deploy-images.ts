/** Stand-ins for what the platform pulls, in every engine of a swarm: Muster by its own Dockerfile, HAProxy and Consul from Debian's packages. */
import { chmod, chown, cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Engine } from "../lab/engine.ts";
import { importMuster } from "../lab/muster-image.ts";
import { type Tool, tool } from "../lab/packages.ts";
import { CommandError, run } from "../lab/run.ts";

export const IMAGES = { muster: "lab/muster:1.0", others: "lab/others:1.0" } as const;

/** User and group `consul`, as in its own image. */
const CONSUL_ID = 100;
const COMMAND = ["haproxy", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"];
const CHANGES = [`CMD ${JSON.stringify(COMMAND)}`, "VOLUME /consul/data"];
const ETC: Readonly<Record<string, string>> = {
  passwd: `root:x:0:0::/:/bin/sh\nconsul:x:${CONSUL_ID}:${CONSUL_ID}::/:/bin/sh\n`,
  group: `root:x:0:\nconsul:x:${CONSUL_ID}:\n`,
  // Without it Go asks name servers before /etc/hosts.
  "nsswitch.conf": "hosts: files dns\n",
};

/** Gives them to all engines. */
export async function makeImages(engines: readonly Engine[]): Promise<void> {
  await importMuster(engines, IMAGES.muster);
  const folder = await mkdtemp(join(tmpdir(), "muster-images-"));
  try {
    const file = join(folder, "others.tar");
    const root = join(folder, "root");
    await writeRoot(root);
    await run("tar", ["-C", root, "--numeric-owner", "-cf", file, "."]);
    const changes = CHANGES.flatMap((change) => ["--change", change]);
    await Promise.all(engines.map((engine) => engine.docker(["import", ...changes, file, IMAGES.others])));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** HAProxy, Consul, and busybox for `sh`, `wget` and the like, as in the images that they stand in for. */
async function writeRoot(root: string): Promise<void> {
  for (const path of ["bin", "lib", "etc", "tmp", "run", "consul/data"])
    await mkdir(join(root, path), { recursive: true });
  await chmod(root, 0o755);
  await chown(join(root, "consul", "data"), CONSUL_ID, CONSUL_ID);
  for (const name of ["haproxy", "consul", "busybox"] as const)
    await cp((await tool(name)).path, join(root, "bin", name), { dereference: true });
  const applets = (await run((await tool("busybox")).path, ["--list"])).trim().split("\n");
  for (const name of applets.filter((each) => each !== "busybox")) await symlink("busybox", join(root, "bin", name));
  for (const [name, text] of Object.entries(ETC)) await writeFile(join(root, "etc", name), text);
  await symlink("lib", join(root, "lib64"));
  for (const name of ["haproxy", "consul"] as const) await copyLibraries(await tool(name), root);
}

/** The shared libraries that a program loads here, and their loader, of which it knows the path. */
async function copyLibraries({ path, env }: Tool, root: string): Promise<void> {
  const needed = await run("ldd", [path], { env }).catch((error: unknown) => {
    if (error instanceof CommandError && error.stderr.includes("not a dynamic executable")) return "";
    throw error;
  });
  for (const [, file = ""] of needed.matchAll(/^\s*(?:\S+ => )?(\/\S+)/gm))
    await cp(file, join(root, "lib", basename(file)), { dereference: true });
}
