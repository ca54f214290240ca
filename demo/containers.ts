import type { DockerHost } from "../test/lab/host.ts";
import type { Image } from "./image.ts";

/** On every container of the demo. Not `muster.…`: Muster would report a key that it does not know. */
export const LABEL = "demo.muster=true";
/** Whose containers they are: the process id of the demo that made them. */
const OWNER = "demo.muster.pid";

/** Answers on port 8080, is well until /tmp/sick exists, and takes a second to stop in peace. */
const program = `
mkdir -p /www && busybox hostname > /www/index.html
trap 'busybox sleep 1; exit 0' TERM
busybox httpd -f -p 8080 -h /www & wait $!`;

const healthcheck = [
  ...["--health-cmd", "test ! -e /tmp/sick", "--health-retries", "1"],
  ...["--health-interval", "1s", "--health-timeout", "2s"],
];

/** What the story does to the engine. */
export interface Containers {
  /** Starts `demo-<service>-<number>`, port 8080 published on a port that the engine chooses. */
  start(service: string, number: number, options?: { readonly healthcheck?: boolean }): Promise<void>;
  /** SIGTERM, and waits for its end. */
  stop(name: string): Promise<void>;
  /** SIGKILL: a crash. */
  crash(name: string): Promise<void>;
  /** Makes its health check fail, or succeed again. */
  setSick(name: string, sick: boolean): Promise<void>;
  /** Removes every container of this demo. */
  removeAll(): Promise<void>;
}

export function createContainers(host: DockerHost, image: Image, signal: AbortSignal): Containers {
  const docker = (...args: string[]): Promise<string> => host.docker(args, { signal });
  const starting = new Set<Promise<string>>();
  return {
    async start(service, number, options = {}) {
      signal.throwIfAborted();
      // Not ended by the signal: what an engine was asked to create may come about after the one who asked has gone.
      const started = host.docker([
        ...["run", "-d", "--name", `demo-${service}-${number}`, "--label", LABEL, "--label", `${OWNER}=${process.pid}`],
        ...["--label", `muster.name=${service}`, "-p", "8080"],
        ...(options.healthcheck === true ? healthcheck : []),
        ...[image.name, "sh", "-c", program],
      ]);
      starting.add(started);
      await started.finally(() => starting.delete(started));
    },
    async stop(name) {
      await docker("stop", name);
    },
    async crash(name) {
      await docker("kill", name);
    },
    async setSick(name, sick) {
      await docker("exec", name, "busybox", ...(sick ? ["touch", "/tmp/sick"] : ["rm", "/tmp/sick"]));
    },
    async removeAll() {
      await Promise.allSettled(starting);
      await remove(host, `${OWNER}=${process.pid}`);
    },
  };
}

/** Removes what a demo that was killed has left. Throws if another one is running on this engine. */
export async function removeLeftovers(host: DockerHost): Promise<void> {
  const format = `{{.Label "${OWNER}"}}`;
  const found = await host.docker(["ps", "-a", "--filter", `label=${LABEL}`, "--format", format]);
  for (const pid of new Set(lines(found))) {
    if (isAlive(Number(pid)))
      throw new Error(`another demo (process ${pid}) is running on this engine: stop it first, with Ctrl-C`);
    await remove(host, `${OWNER}=${pid}`);
  }
}

async function remove(host: DockerHost, label: string): Promise<void> {
  const ids = lines(await host.docker(["ps", "-aq", "--filter", `label=${LABEL}`, "--filter", `label=${label}`]));
  if (ids.length > 0) await host.docker(["rm", "-f", ...ids]);
}

function isAlive(pid: number): boolean {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}
