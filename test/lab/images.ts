import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { engineApi } from "./docker-api.ts";
import { cacheFolder } from "./folders.ts";
import { tool } from "./packages.ts";
import { run } from "./run.ts";

/** HTTP on ${PORT:-8080}: / and /ok say ok, /host the host name, /version the image's. On TERM it exits after ${DRAIN:-0} s. */
const web = `#!/bin/sh
mkdir -p /www && echo ok > /www/index.html && echo ok > /www/ok && hostname > /www/host && echo "$VERSION" > /www/version
trap 'sleep "\${DRAIN:-0}"; exit 0' TERM INT
httpd -f -p "\${PORT:-8080}" -h /www & wait $!
`;

/** Does nothing until TERM. */
const sleep = `#!/bin/sh
trap 'exit 0' TERM INT
sleep 1000000 & wait $!
`;

const healthcheck = "HEALTHCHECK --interval=1s --timeout=2s --retries=1 CMD test ! -e /tmp/sick";

/** What `docker import --change` is told for each image. */
const images: Readonly<Record<string, readonly string[]>> = {
  "lab/web:v1": ['CMD ["/bin/web"]', "EXPOSE 8080", "ENV VERSION=v1"],
  "lab/web:v2": ['CMD ["/bin/web"]', "EXPOSE 8080", "ENV VERSION=v2"],
  "lab/web:hc": ['CMD ["/bin/web"]', "EXPOSE 8080", "ENV VERSION=hc", healthcheck],
  "lab/sleep:v1": ['CMD ["/bin/nap"]'],
};

/** Makes the lab's images in an engine, by import: no registry is asked. */
export async function importImages(socket: string, signal?: AbortSignal): Promise<void> {
  const body = await rootFileSystem(signal);
  const imports = Object.entries(images).map(async ([image, changes]) => {
    const [repo = "", tag = ""] = image.split(":");
    const query = new URLSearchParams({ fromSrc: "-", repo, tag });
    for (const change of changes) query.append("changes", change);
    const answer = await engineApi(socket, {
      method: "POST",
      path: `/images/create?${query}`,
      body,
      type: "application/x-tar",
      signal,
    });
    if (answer.includes('"error"')) throw new Error(`lab: import of ${image}: ${answer.trim()}`);
  });
  await Promise.all(imports);
}

/** A tar of busybox and two scripts, made once and kept in the cache. */
async function rootFileSystem(signal?: AbortSignal): Promise<Uint8Array> {
  const hash = createHash("sha256").update(web).update(sleep).digest("hex").slice(0, 12);
  const file = join(cacheFolder(), `rootfs-${hash}.tar`);
  if (!existsSync(file)) await pack(file, signal);
  return await readFile(file);
}

async function pack(file: string, signal?: AbortSignal): Promise<void> {
  const busybox = await tool("busybox", signal);
  await mkdir(cacheFolder(), { recursive: true });
  const root = await mkdtemp(join(cacheFolder(), "rootfs-"));
  await chmod(root, 0o755);
  for (const folder of ["bin", "etc", "tmp", "proc", "sys", "dev", "www"]) await mkdir(join(root, folder));
  await copyFile(busybox.path, join(root, "bin", "busybox"));
  const names = (await run(busybox.path, ["--list"], { signal })).trim().split("\n");
  for (const name of names.filter((each) => each !== "busybox")) await symlink("busybox", join(root, "bin", name));
  await writeFile(join(root, "etc", "passwd"), "root:x:0:0::/:/bin/sh\n");
  await writeFile(join(root, "bin", "web"), web, { mode: 0o755 });
  await writeFile(join(root, "bin", "nap"), sleep, { mode: 0o755 });
  await run("tar", ["-C", root, "-cf", `${root}.tar`, "."], { signal });
  await rename(`${root}.tar`, file);
  await rm(root, { recursive: true });
}
