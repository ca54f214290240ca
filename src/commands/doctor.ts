import type { Command } from "commander";
import type { Finding } from "../model.ts";
import { type Context, checkModulesOrExit, configFileOf, type Finish, loadConfigOrExit } from "./context.ts";
import { durationOption } from "./duration.ts";
import type { Colour } from "./paint.ts";
import { untilSignalled } from "./run.ts";

const EXAMPLES = `
Examples:
  muster doctor -c muster.yaml
  muster doctor --json | jq '.systems[].findings[] | select(.level == "problem")'

It looks at every system that the configuration names: whether it is reached and lets us in, its version, its clock, and
each permission; a permission to write is asked for with what can't succeed. It needs no running Muster.
Exit codes: 0 no problem (warnings may be), 1 a problem, 2 usage or configuration.`;

const DEFAULT_TIMEOUT = "30s";
const STOP_MS = 5_000;

interface Options {
  readonly json?: true;
  readonly timeout: number;
}

/** `doctor`: what keeps Muster from its work, with what to do about it. */
export function addDoctorCommand(program: Command, context: Context, finish: Finish): void {
  program
    .command("doctor")
    .description("check every configured system: reached, authorised, version, clock, permissions")
    .option("--json", "as one JSON object")
    .addOption(durationOption("--timeout <duration>", "for one system", DEFAULT_TIMEOUT))
    .addHelpText("after", EXAMPLES)
    .action(async (options: Options, command: Command) => {
      const config = await loadConfigOrExit(configFileOf(command), context);
      await checkModulesOrExit(config);
      const [{ examine }, { examinationText, verdict }, { systemClock }, style, parts] = await Promise.all([
        import("../doctor/examine.ts"),
        import("../doctor/text.ts"),
        import("../clock.ts"),
        styleFor(context.colours),
        context.loadParts(config),
      ]);
      const { timeout, json } = options;
      const doctor = { config, parts, clock: systemClock, random: Math.random, log: parts.log, timeout };
      await untilSignalled(
        async (signal) => {
          const systems = [];
          for await (const examination of examine(doctor, signal)) {
            systems.push(examination);
            if (!json) context.out(examinationText(examination, style));
          }
          const ok = !systems.some(({ findings }) => findings.some(({ level }) => level === "problem"));
          context.out(json ? `${JSON.stringify({ ok, systems })}\n` : `\n${verdict(systems)}\n`);
          finish(ok ? 0 : 1);
        },
        { ...context, stopMs: STOP_MS },
      );
    });
}

const COLOURS: Readonly<Record<Finding["level"], Colour>> = { ok: "green", warning: "yellow", problem: "red" };

async function styleFor(colours: boolean) {
  const [{ createPaint }, { createStyle }] = await Promise.all([import("./paint.ts"), import("./style.ts")]);
  const paint = createPaint(colours);
  return { ...createStyle(colours), level: (level: Finding["level"], text: string) => paint(COLOURS[level], text) };
}
