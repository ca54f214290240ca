/** `npm run demo`: Muster on real servers, for a newcomer. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findServers, messageOf } from "./environment.ts";
import { playLive } from "./live.ts";
import { playTrace } from "./replay.ts";
import { createScreen, type Screen } from "./screen.ts";

const HELP = `npm run demo -- [OPTIONS]

Starts a few services on a Docker engine, and shows how Muster registers them in Consul. Uses the engine and the Consul
that are there (DOCKER_HOST, CONSUL_HTTP_ADDR, the usual places), or starts its own (root on Debian).

  --once          end when the story is over: exit code 0 if all came to be as it should, else 1
  --replay        play the recorded trace, as is done where no engine can be had
  --record FILE   record the engine's facts, for --replay
  --help          this text
`;

interface Options {
  readonly isOnce: boolean;
  readonly isReplay: boolean;
  readonly recordTo: string | null;
}

/** @returns a text to print in place of playing, and the exit code */
function readOptions(args: readonly string[]): Options | { readonly text: string; readonly code: number } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        once: { type: "boolean", default: false },
        replay: { type: "boolean", default: false },
        record: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) return { text: HELP, code: 0 };
    return { isOnce: values.once, isReplay: values.replay, recordTo: values.record ?? null };
  } catch (error) {
    return { text: `${messageOf(error)}\nnpm run demo -- --help lists the options\n`, code: 2 };
  }
}

async function play({ isOnce, isReplay, recordTo }: Options, screen: Screen, signal: AbortSignal): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), "muster-demo-"));
  try {
    if (isReplay) return await playTrace({ screen, folder, isOnce }, signal);
    const servers = await findServers(screen, signal);
    await using engine = servers.engine;
    await using consul = servers.consul;
    signal.throwIfAborted();
    if (engine === null) return await playTrace({ screen, folder, isOnce }, signal);
    return await playLive({ engine, consul, screen, folder, isOnce, recordTo }, signal);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
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
