import { type Command, Option } from "commander";
import { type ClientOptions, type Context, clientFor, type Finish, withClientOptions } from "./context.ts";
import {
  type Choice,
  chosenBy,
  chosenNode,
  type DrainedInstance,
  keepsIn,
  keepsOut,
  readDrained,
  readInstances,
} from "./drain-view.ts";
import { durationOption } from "./duration.ts";
import { ExitError } from "./exit-error.ts";
import type { MusterClient } from "./muster-client.ts";
import { untilSignalled } from "./run.ts";
import { printable } from "./table.ts";

const EXAMPLES = `
Examples:
  muster drain web --wait        all instances of a service, until nobody sends them traffic any more
  muster drain 4f3a9c0d1e2b      a task, by its id or the beginning of it
  muster drain --node --wait     all instances of this node, before it is rebooted
  muster undrain --node          and back

A drain lasts until undrain, or until the instance ends; a restart of Muster forgets it.`;

const DEFAULT_TIMEOUT = "15m";
const POLL_MS = 500;
const STOP_MS = 5_000;

interface Options extends ClientOptions {
  readonly node?: string | true;
  readonly wait?: true;
  readonly timeout: number;
}

/** `drain` and `undrain`: takes instances out of every registry while they go on running, and puts them back. */
export function addDrainCommands(program: Command, context: Context, finish: Finish): void {
  addDrain(program, "drain", "take instances out of service without stopping them", context, finish);
  addDrain(program, "undrain", "put drained instances back into service", context, finish);
}

function addDrain(
  program: Command,
  name: "drain" | "undrain",
  description: string,
  context: Context,
  finish: Finish,
): void {
  const until = name === "drain" ? "no registry sends them traffic" : "every registry has them again";
  withClientOptions(program.command(name))
    .description(description)
    .argument("[id|service|task]", "which instances")
    .addOption(new Option("--node [id]", "all instances of a node (default: the one of that Muster)"))
    .option("--wait", `wait until ${until}`)
    .addOption(durationOption("--timeout <duration>", "for how long to wait", DEFAULT_TIMEOUT))
    .addHelpText("after", EXAMPLES)
    .action(async (of: string | undefined, options: Options, command: Command) => {
      if ((of === undefined) === (options.node === undefined)) {
        throw new ExitError(2, [`${name}: expected an instance, service or task, or --node; one of them`]);
      }
      const client = await clientFor(options, command, context);
      const known = readInstances(await client.get("/v1/instances"));
      const choices = of === undefined ? [chosenNode(options.node ?? true, known)] : chosenBy(of, known);
      finish(await carryOut(client, choices, name === "drain" ? DRAIN : UNDRAIN, options, context));
    });
}

/** @returns the exit code */
async function carryOut(
  client: MusterClient,
  choices: readonly Choice[],
  words: Words,
  options: Options,
  context: Context,
): Promise<number> {
  const ids = await send(client, choices, words.undo);
  if (!options.json) for (const id of ids) context.out(`${printable(id)}: ${words.asked}\n`);
  const left = options.wait ? await waitFor(client, ids, words, options, context) : null;
  const done = left === null || left.length === 0;
  if (options.json) context.out(`${JSON.stringify({ instances: ids, ...(left !== null && { done, left }) })}\n`);
  return done ? 0 : 1;
}

async function send(client: MusterClient, choices: readonly Choice[], undo: boolean): Promise<readonly string[]> {
  const answers: unknown[] = [];
  for (const choice of choices) answers.push(await client.post("/v1/drain", { ...choice, undo }));
  return answers.flatMap(readDrained);
}

interface Words {
  readonly undo: boolean;
  readonly asked: string;
  readonly done: string;
  /** What an instance is waited for; empty: nothing any more. */
  waitsFor(instance: DrainedInstance): readonly string[];
}

const DRAIN: Words = { undo: false, asked: "draining", done: "out of service", waitsFor: keepsIn };
const UNDRAIN: Words = { undo: true, asked: "put back", done: "in service", waitsFor: keepsOut };

/** An instance that is not there yet, and why. */
interface Left {
  readonly id: string;
  readonly waitsFor: readonly string[];
}

/** @returns what is left when the time is up */
async function waitFor(
  client: MusterClient,
  ids: readonly string[],
  words: Words,
  { timeout, json }: Options,
  context: Context,
): Promise<readonly Left[]> {
  let told = "";
  function tell(left: readonly Left[]): void {
    const line = progress(ids.length, left, words);
    if (json || line === told) return;
    told = line;
    context.err(`${line}\n`);
  }
  const began = performance.now();
  return await untilSignalled(
    async (signal) => {
      for (;;) {
        const left = leftOf(ids, readInstances(await client.get("/v1/instances")), words);
        tell(left);
        if (left.length === 0) return left;
        if (performance.now() - began >= timeout) {
          context.err(`not all of them within ${Math.round(timeout / 1000)} s\n`);
          return left;
        }
        await pause(POLL_MS, signal);
      }
    },
    { ...context, stopMs: STOP_MS },
  );
}

function leftOf(ids: readonly string[], instances: readonly DrainedInstance[], { waitsFor }: Words): readonly Left[] {
  const byId = new Map(instances.map((instance) => [instance.id, instance]));
  return ids.flatMap((id) => {
    const instance = byId.get(id);
    // It has ended: nothing is left of it.
    const reasons = instance === undefined ? [] : waitsFor(instance);
    return reasons.length === 0 ? [] : [{ id, waitsFor: reasons }];
  });
}

const MAX_SHOWN = 3;

/** `1 of 3 out of service; waiting: web-2 (alb target is draining)` */
function progress(all: number, left: readonly Left[], { done }: Words): string {
  const start = `${all - left.length} of ${all} ${done}`;
  const shown = left.slice(0, MAX_SHOWN).map(({ id, waitsFor }) => `${id} (${waitsFor.join("; ")})`);
  if (shown.length === 0) return start;
  const more = left.length > MAX_SHOWN ? ` and ${left.length - MAX_SHOWN} more` : "";
  return printable(`${start}; waiting: ${shown.join(", ")}${more}`);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { setTimeout: wait } = await import("node:timers/promises");
  try {
    await wait(ms, undefined, { signal });
  } catch {
    throw new ExitError(1, ["stopped waiting; what was asked for stays so"]);
  }
}
