/** A small Node application in containers: slow enough that requests are under way when it is told to stop. */
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Engine } from "../lab/engine.ts";

/**
 * Answers with its own name, one request of ten after 400 ms. On TERM it does as `QUIET` says: serves on until no request
 * has come for that many ms, then takes no more connections, answers what it has begun, and exits. Node closes connections
 * at once whose requests it has not read yet (it may be short of time), so with 0 some requests get no answer.
 */
const SOURCE = `
import { createServer } from "node:http";
import { setImmediate as turn, setTimeout as delay } from "node:timers/promises";
let count = 0;
let last = 0;
const server = createServer(async (request, response) => {
  if (request.url === "/health") return void response.end();
  last = Date.now();
  await delay(++count % 10 === 0 ? 400 : 5);
  response.end(process.env.NAME);
});
server.listen(8080);
process.on("SIGTERM", async () => {
  const quiet = Number(process.env.QUIET);
  last = Date.now();
  while (Date.now() - last < quiet) {
    await delay(20);
    // What has come meanwhile is read first.
    await turn();
  }
  server.close(() => process.exit(0));
});
`;

export interface AppOptions {
  readonly name: string;
  readonly service: string;
  /** It serves on after TERM until no request has come for so long, ms. */
  readonly quiet: number;
}

export interface App extends AsyncDisposable {
  /** Starts a container; it is healthy after about 1 s. */
  start(options: AppOptions): Promise<void>;
  /** TERM, and waits for its end. */
  stop(name: string): Promise<void>;
}

export async function createApp(engine: Engine): Promise<App> {
  const folder = await mkdtemp(join(tmpdir(), "muster-app-"));
  await writeFile(join(folder, "app.mjs"), SOURCE);
  // This machine's own node, with what it is linked to: no image with node in it need be made.
  const mounts = ["/usr", "/lib", "/lib64", dirname(process.execPath)].filter(existsSync);
  const volumes = [...new Set(mounts), folder].flatMap((path) => ["--volume", `${path}:${path}:ro`]);
  const health = ["--health-cmd", "wget -q -O /dev/null http://127.0.0.1:8080/health", "--health-interval", "1s"];
  return {
    async start({ name, service, quiet }) {
      const labels = ["--label", `muster.name=${service}`];
      const env = ["--env", `NAME=${name}`, "--env", `QUIET=${quiet}`];
      const command = ["lab/sleep:v1", process.execPath, join(folder, "app.mjs")];
      await engine.docker([
        "run",
        "-d",
        "--name",
        name,
        "-p",
        "8080",
        ...labels,
        ...env,
        ...health,
        ...volumes,
        ...command,
      ]);
    },
    async stop(name) {
      await engine.docker(["stop", "--time", "10", name]);
    },
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true });
    },
  };
}
