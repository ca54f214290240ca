/** Stand-ins for what the platform pulls, in every engine of a swarm: Muster by its own Dockerfile, HAProxy and Consul from Debian's packages. */
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buildImage, nodeImage } from "../lab/base-image.ts";
import type { Engine } from "../lab/engine.ts";
import { importMuster } from "../lab/muster-image.ts";
import { tool } from "../lab/packages.ts";
import { run } from "../lab/run.ts";

export const IMAGES = { muster: "lab/muster:1.0", others: "lab/others:1.0" } as const;

/** `wget` and `nc` are busybox's, as in the images that they stand in for. */
const DOCKERFILE = `FROM ${nodeImage}
RUN groupadd consul && useradd --gid consul consul && install -d -o consul -g consul /consul/data
COPY bin /usr/local/bin
COPY lib /usr/local/lib
RUN ldconfig && ln -s busybox /usr/local/bin/wget
VOLUME /consul/data
CMD ["haproxy", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]
`;

/** Builds them in the first engine and copies them to the others. */
export async function makeImages(engines: readonly Engine[]): Promise<void> {
  const [first, ...others] = engines;
  if (first === undefined) throw new Error("no engine");
  await importMuster(first, IMAGES.muster);
  const folder = await mkdtemp(join(tmpdir(), "muster-images-"));
  try {
    await writeContext(folder);
    await buildImage(first, folder, IMAGES.others);
    const file = join(folder, "images.tar");
    await first.docker(["save", "--output", file, ...Object.values(IMAGES)]);
    await Promise.all(others.map((engine) => engine.docker(["load", "--input", file])));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeContext(folder: string): Promise<void> {
  const bin = join(folder, "bin");
  await mkdir(bin);
  for (const name of ["haproxy", "consul", "busybox"] as const) await cp((await tool(name)).path, join(bin, name));
  const { path, env } = await tool("haproxy");
  await copyLibraries(path, env, join(folder, "lib"));
  await writeFile(join(folder, "Dockerfile"), DOCKERFILE);
}

/** The shared libraries that a program loads here; where it is installed, the base image may well have them, too. */
async function copyLibraries(program: string, env: NodeJS.ProcessEnv, to: string): Promise<void> {
  await mkdir(to);
  const needed = (await run("ldd", [program], { env })).matchAll(/^\s*(\S+) => (\/\S+)/gm);
  for (const [, name = "", path = ""] of needed)
    if (!/^(libc|libm|libdl|libpthread|librt)\.so/.test(name)) await cp(path, join(to, name), { dereference: true });
  if (dirname(program) === "") throw new Error(`no folder of ${program}`);
}
