/** deploy/: scripts and stacks on lab engines, as their README says. Images can't be pulled here, so no task starts. */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { labAvailable } from "../lab/available.ts";
import { type Engine, startEngine } from "../lab/engine.ts";
import { tool } from "../lab/packages.ts";
import { CommandError, run } from "../lab/run.ts";
import { DEPLOY, readStack, stackNames, VARIABLES } from "../unit/deploy-stack.ts";

const { skip, reason } = await labAvailable("engine");
const NAMES = ["smgr", "snode1", "snode2"] as const;

describe.skipIf(skip)(`deploy/ ${reason}`, () => {
  let engines: Record<(typeof NAMES)[number], Engine>;
  let folder: string;
  beforeAll(async () => {
    const [smgr, snode1, snode2] = await Promise.all(NAMES.map(() => startEngine({ images: false })));
    if (smgr === undefined || snode1 === undefined || snode2 === undefined) throw new Error("no engines");
    engines = { smgr, snode1, snode2 };
    folder = await mkdtemp(join(tmpdir(), "muster-deploy-"));
  });
  afterAll(async () => {
    await Promise.all(Object.values(engines ?? {}).map((engine) => engine[Symbol.asyncDispose]()));
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  /** Stands in for ssh: runs the command here, with the machine's engine. */
  async function ssh(): Promise<string> {
    const { path } = await tool("docker");
    const lines = NAMES.map((name) => `  ${name}) export DOCKER_HOST='unix://${engines[name].socket}' ;;`);
    const script = [
      "#!/bin/sh",
      `PATH='${dirname(path)}':$PATH`,
      "case $1 in",
      ...lines,
      "  *) exit 255 ;;",
      "esac",
      'shift; eval "$*"',
    ];
    await writeFile(join(folder, "ssh"), `${script.join("\n")}\n`);
    await chmod(join(folder, "ssh"), 0o755);
    return join(folder, "ssh");
  }
  async function swarmScript(...machines: readonly string[]): Promise<string> {
    const { env } = await tool("docker");
    return run(`${DEPLOY}machines/swarm.sh`, machines, { env: { ...env, SSH: await ssh(), DOCKER_CONFIG: folder } });
  }
  async function docker(
    args: readonly string[],
    variables: Readonly<Record<string, string>> = VARIABLES,
  ): Promise<string> {
    const { path, env } = await tool("docker");
    const own = { DOCKER_HOST: `unix://${engines.smgr.socket}`, DOCKER_CONFIG: folder, ...variables };
    return run(path, args, { cwd: `${DEPLOY}swarm`, env: { ...env, ...own } });
  }
  function filesOf(name: string): string[] {
    return name === "platform" ? ["-c", "platform.yaml", "-c", "platform.aws.yaml"] : ["-c", `${name}.yaml`];
  }

  it("swarm.sh makes three machines one swarm, with labels, and may run again", async () => {
    const { smgr, snode1, snode2 } = engines;
    const machines = [
      `smgr=${smgr.address}`,
      `snode1=${snode1.address},workload=service`,
      `snode2=${snode2.address},workload=database`,
    ];
    await swarmScript(...machines);
    const again = await swarmScript(...machines);

    expect(again.trim().split("\n")).toHaveLength(4);
    const labels = await smgr.docker([
      "node",
      "inspect",
      ...(await smgr.docker(["node", "ls", "-q"])).trim().split("\n"),
      "--format",
      "{{.Description.Hostname}} {{.Spec.Role}} {{.Spec.Labels.workload}} {{.Status.Addr}}",
    ]);
    expect(new Set(labels.trim().split("\n"))).toEqual(
      new Set([
        `${smgr.name} manager <no value> ${smgr.address}`,
        `${snode1.name} worker service ${snode1.address}`,
        `${snode2.name} worker database ${snode2.address}`,
      ]),
    );
  });

  it("swarm.sh refuses what is no machine, and does nothing", async () => {
    await expect(swarmScript("smgr")).rejects.toThrow("smgr: expected NAME=ADDRESS");
    await expect(swarmScript()).rejects.toThrow("usage:");
  });

  it("secrets.sh makes every secret once, and takes values that images know", async () => {
    const { env } = await tool("docker");
    const own = { ...env, DOCKER_HOST: `unix://${engines.smgr.socket}`, DOCKER_CONFIG: folder };
    const script = (...args: string[]) => run(`${DEPLOY}swarm/secrets.sh`, args, { env: own });

    const first = await script("voting_db_password=postgres");
    const second = await script();

    expect(first.match(/: made$/gm)).toHaveLength(10);
    expect(second).not.toContain("made");
    const names = (await docker(["secret", "ls", "--format", "{{.Name}}"])).trim().split("\n");
    const wanted = stackNames.flatMap((name) => Object.keys(readStack(name).secrets));
    expect(new Set(names)).toEqual(new Set(wanted));
    await expect(script("nonsense")).rejects.toThrow("nonsense: expected NAME=VALUE");
  });

  it.each(stackNames)("%s passes docker stack config, which names a variable that is missing", async (name) => {
    const hasIt = await docker(["stack", "config", "--help"]).then((text) => text.includes("docker stack config"));
    if (!hasIt) return; // a CLI before 24; what follows asks the engine itself

    expect(await docker(["stack", "config", ...filesOf(name)])).toContain("services:");
    const missing = docker(["stack", "config", ...filesOf(name)], {});
    await expect(missing).rejects.toThrow(/required variable [A-Z_]+ is missing a value/);
    await expect(missing).rejects.toBeInstanceOf(CommandError);
  });

  it.each(stackNames)("%s is taken by the engine, service by service", async (name) => {
    await docker(["stack", "deploy", ...filesOf(name), name]);

    const listed = (await docker(["stack", "services", name, "--format", "{{.Name}}"])).trim().split("\n");
    const own = Object.keys(readStack(name).services).map((service) => `${name}_${service}`);
    expect(new Set(listed)).toEqual(new Set(own));
    await docker(["stack", "rm", name]);
  });
});
