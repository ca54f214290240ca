import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import * as v from "valibot";
import { tool } from "./packages.ts";

/** Something that happened to a container. */
export interface EngineEvent {
  /** ms since the epoch, with fractions: the engine's clock. */
  readonly at: number;
  /** "start", "kill", "die", "health_status: healthy" … */
  readonly action: string;
  /** Full container id. */
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

const Message = v.pipe(
  v.object({
    Action: v.string(),
    timeNano: v.number(),
    Actor: v.object({ ID: v.string(), Attributes: v.record(v.string(), v.string()) }),
  }),
  v.transform(({ Action, timeNano, Actor: { ID, Attributes } }): EngineEvent => {
    return { at: timeNano / 1e6, action: Action, id: ID, name: Attributes["name"] ?? "", labels: Attributes };
  }),
);

/**
 * Tells of the events of all containers with a label ("key=value"), through the CLI's own stream, until disposed of.
 * @param host as for DOCKER_HOST
 */
export async function watchEngine(
  host: string,
  label: string,
  onEvent: (event: EngineEvent) => void,
): Promise<Disposable> {
  const cli = await tool("docker");
  // From now on, though the CLI takes a moment to start.
  const since = (Date.now() / 1000).toFixed(3);
  const filters = ["--filter", "type=container", "--filter", `label=${label}`];
  const args = ["-H", host, "events", "--since", since, ...filters, "--format", "{{json .}}"];
  const child = spawn(cli.path, args, { env: cli.env, stdio: ["ignore", "pipe", "ignore"] });
  child.on("error", () => {}); // without events there are no times; what is awaited fails by itself
  createInterface({ input: child.stdout }).on("line", (line) => {
    const { success, output } = v.safeParse(v.pipe(v.string(), v.parseJson(), Message), line);
    if (success) onEvent(output);
  });
  return {
    [Symbol.dispose]() {
      child.kill("SIGKILL");
    },
  };
}
