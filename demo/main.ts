/** `npm run demo`: Muster on real servers, for a newcomer. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { ConsulHost } from "../test/lab/host.ts";
import { findConsul, findServers, messageOf } from "./environment.ts";
import { type NextAct, playLive } from "./live.ts";
import { playMarathon } from "./marathon.ts";
import { playTrace } from "./replay.ts";
import { createScreen, type Screen } from "./screen.ts";

const HELP = `npm run demo -- [OPTIONS]

Starts a few services on a Docker engine, and shows how Muster registers them in Consul. Uses the engine and the Consul
that are there (DOCKER_HOST, CONSUL_HTTP_ADDR, the usual places), or starts its own (root on Debian). Then the same for
an app on a simulated Marathon.

  --once          end when the story is over: exit code 0 if all came to be as it should, else 1
  --only ACT      docker or marathon
  --replay        play the recorded trace in place of the first act, as is done where no engine can be had
  --record FILE   record the engine's facts, for --replay
  --help          this text
`;

interface Options {
  readonly isOnce: boolean;
  readonly isReplay: boolean;
  readonly recordTo: string | null;
  /** null: both. */
  readonly only: Act | null;
}

const ACTS = ["docker", "marathon"] as const;
type Act = (typeof ACTS)[number];

/** @returns a text to print in place of playing, and the exit code */
function readOptions(args: readonly string[]): Options | { readonly text: string; readonly code: number } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        once: { type: "boolean", default: false },
        replay: { type: "boolean", default: false },
        record: { type: "string" },
        only: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) return { text: HELP, code: 0 };
    const only = ACTS.find((act) => act === values.only) ?? null;
    if (values.only !== undefined && only === null) throw new Error(`--only takes ${ACTS.join(" or ")}`);
    return { isOnce: values.once, isReplay: values.replay, recordTo: values.record ?? null, only };
  } catch (error) {
    return { text: `${messageOf(error)}\nnpm run demo -- --help lists the options\n`, code: 2 };
  }
}

async function play(options: Options, screen: Screen, signal: AbortSignal): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), "muster-demo-"));
  try {
    return await playActs(options, { screen, folder }, signal);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Stage {
  readonly screen: Screen;
  readonly folder: string;
}

async function playActs({ only, ...options }: Options, stage: Stage, signal: AbortSignal): Promise<boolean> {
  const { screen } = stage;
  const { isOnce, isReplay } = options;
  const secondAct = (consul: ConsulHost | null): NextAct => {
    if (only !== "docker") return (stay, running) => playMarathon({ ...stage, consul, stay }, running);
    return async (stay) => {
      await stay();
      return true;
    };
  };
  if (only === "marathon") {
    await using consul = isReplay ? null : await findConsul(screen, signal);
    signal.throwIfAborted();
    return await secondAct(consul)(() => (isOnce ? Promise.resolve() : stayUp(screen, signal)), signal);
  }
  if (isReplay) return await playTrace({ ...stage, isOnce, next: secondAct(null) }, signal);
  const servers = await findServers(screen, signal);
  await using engine = servers.engine;
  await using consul = servers.consul;
  signal.throwIfAborted();
  const next = secondAct(consul);
  if (engine === null) return await playTrace({ ...stage, isOnce, next }, signal);
  return await playLive({ ...stage, ...options, engine, consul, next }, signal);
}

async function stayUp(screen: Screen, signal: AbortSignal): Promise<void> {
  screen.say("Marathon and Muster stay up to explore. Next: Ctrl-C ends them.");
  if (!signal.aborted) await once(signal, "abort");
}

/** @returns the exit code */
async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if ("text" in options) {
    (options.code === 0 ? process.stdout : process.stderr).write(options.text);
    return options.code;
  }
  const screen = createScreen(process.stdout, process.env);
  const stop = new AbortController();
  // Once each: a second Ctrl-C ends it at once; what was started by us ends with it.
  for (const name of ["SIGINT", "SIGTERM"] as const)
    process.once(name, () => stop.abort(new Error(`${name} received`)));
  try {
    return (await play(options, screen, stop.signal)) ? 0 : 1;
  } catch (error) {
    if (stop.signal.aborted) {
      screen.say("Interrupted; all that was started is gone.");
      // Whoever ends what should stay up has not failed.
      return options.isOnce ? 1 : 0;
    }
    screen.problem(`The demo failed: ${messageOf(error)}`);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
