/** A plain Node application in containers: it exits at once on SIGTERM, whatever it was doing, and ignores SIGURG. */
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Engine } from "../lab/engine.ts";

/** Half of the requests take 300 ms. It writes down when SIGTERM came. */
const SOURCE = `
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
let count = 0;
const server = createServer((request, response) => {
  setTimeout(() => response.end(process.env.NAME), ++count % 2 === 0 ? 300 : 5);
});
server.keepAliveTimeout = 60_000;
server.listen(8080);
process.on("SIGTERM", () => {
  writeFileSync("/told/" + process.env.NAME, String(Date.now()));
  process.exit(0);
});
`;

export interface GatedApp extends AsyncDisposable {
  /** @param more arguments for `docker run` */
  start(name: string, more?: readonly string[]): Promise<void>;
  /** Arguments for `docker service create`, image and command last. */
  serviceArgs(name: string): readonly string[];
  /** As `docker stop` without a time of its own. @returns the container's exit code */
  stop(name: string): Promise<number>;
  /** When it got SIGTERM, ms since the epoch; null: not (yet). */
  toldAt(name: string): Promise<number | null>;
}

export async function createGatedApp(engine: Engine): Promise<GatedApp> {
  const folder = await mkdtemp(join(tmpdir(), "muster-gated-"));
  await writeFile(join(folder, "app.mjs"), SOURCE);
  // This machine's own node, with what it is linked to.
  const mounts = ["/usr", "/lib", "/lib64", dirname(process.execPath)].filter(existsSync);
  const volumes = [...new Set(mounts)].flatMap((path) => ["--volume", `${path}:${path}:ro`]);
  const command = ["lab/sleep:v1", process.execPath, "/told/app.mjs"];
  // Without it the container counts as ready before the app listens.
  const health = ["--health-cmd", "wget -q -O /dev/null http://127.0.0.1:8080/", "--health-interval", "1s"];
  const own = ["--volume", `${folder}:/told`, "--env"];
  return {
    async start(name, more = []) {
      const labels = ["--label", "muster.name=web", "-p", "8080"];
      const args = [...labels, ...health, ...volumes, ...own, `NAME=${name}`, ...more, ...command];
      await engine.docker(["run", "-d", "--name", name, ...args]);
    },
    serviceArgs(name) {
      const all = [...new Set(mounts), folder].map((path) => {
        const target = path === folder ? "/told" : path;
        return `type=bind,source=${path},target=${target}${path === folder ? "" : ",readonly"}`;
      });
      const publish = "mode=host,target=8080";
      const binds = all.flatMap((mount) => ["--mount", mount]);
      return ["--no-resolve-image", "--publish", publish, ...binds, "--env", `NAME=${name}`, ...command];
    },
    async stop(name) {
      await engine.docker(["stop", name]);
      return Number(await engine.docker(["inspect", "--format", "{{.State.ExitCode}}", name]));
    },
    async toldAt(name) {
      const file = join(folder, name);
      return existsSync(file) ? Number(await readFile(file, "utf8")) : null;
    },
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true });
    },
  };
}
