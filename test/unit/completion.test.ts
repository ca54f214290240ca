/** The completion scripts, run by real shells. zsh and fish are asked where they are installed. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runMuster } from "../cli.ts";

const run = promisify(execFile);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-completion-"));
  await writeFile(join(folder, "muster.yaml"), "");
  await writeFile(join(folder, "other file.log"), "");
  for (const shell of ["bash", "zsh", "fish"]) {
    const { code, out } = await runMuster(["completion", shell]);
    expect(code).toBe(0);
    await writeFile(join(folder, `muster.${shell}`), out);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What bash offers for a line with the cursor at its end. */
async function bash(line: string): Promise<readonly string[]> {
  // As readline does it: words, the one that is being typed, and the function.
  const script = `
    source ./muster.bash
    compopt() { :; }
    COMP_LINE=$1; COMP_POINT=\${#COMP_LINE}
    read -ra COMP_WORDS <<< "\${COMP_LINE//=/ = }"
    [[ $COMP_LINE == *[[:space:]] ]] && COMP_WORDS+=("")
    COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 ))
    _muster
    (( \${#COMPREPLY[@]} )) && printf '%s\\n' "\${COMPREPLY[@]}"
    exit 0`;
  const { stdout, stderr } = await run("bash", ["--norc", "-c", script, "bash", line], { cwd: folder });
  expect(stderr).toBe("");
  return stdout.split("\n").filter((word) => word !== "");
}

describe("bash", () => {
  it("offers the commands, and those that begin so", async () => {
    const commands = await bash("muster ");
    for (const name of ["run", "plan", "status", "explain", "drain", "undrain", "doctor", "audit", "completion"]) {
      expect(commands).toContain(name);
    }
    expect(await bash("muster au")).toEqual(["audit"]);
    expect(await bash("muster audit ")).toEqual(["tail", "query", "verify"]);
    expect(await bash("muster completion ")).toEqual(["bash", "zsh", "fish"]);
  });

  it("offers each command's own options, and the program's", async () => {
    const options = await bash("muster audit query --");
    expect(options).toEqual(
      expect.arrayContaining(["--since", "--service", "--registry", "--failed", "--json", "--config", "--help"]),
    );
    expect(options).not.toContain("--version");
    expect(await bash("muster drain --no")).toEqual(["--node"]);
    expect(await bash("muster --ver")).toEqual(["--version"]);
  });

  it("offers files where a file is wanted, with spaces in their names", async () => {
    expect(await bash("muster run -c m")).toEqual(expect.arrayContaining(["muster.yaml"]));
    expect(await bash("muster run --config=muster.y")).toEqual(["muster.yaml"]);
    expect(await bash("muster config check o")).toEqual(["other file.log"]);
    expect(await bash("muster audit verify o")).toEqual(["other file.log"]);
  });

  it("takes the value of an option for no command, and offers nothing where it knows nothing", async () => {
    expect(await bash("muster -c audit ")).toContain("run");
    expect(await bash("muster -c x.yaml audit q")).toEqual(["query"]);
    expect(await bash("muster audit query --since ")).toEqual([]);
    expect(await bash("muster explain ")).toEqual([]);
  });
});

describe.each(["zsh", "fish"])("%s", (shell) => {
  it("can read its script", async (context) => {
    const there = await run(shell, ["--version"]).then(
      () => true,
      () => false,
    );
    if (!there) context.skip(`${shell} is not installed`);
    await run(shell, ["-n", join(folder, `muster.${shell}`)]);
  });
});

it("names every command and option, in every shell", async () => {
  const { out: help } = await runMuster(["drain", "--help"]);
  const long = [...help.matchAll(/--[a-z-]+/g)].map(([flag]) => flag);
  expect(long).toContain("--wait");
  for (const shell of ["bash", "zsh", "fish"]) {
    const { out } = await runMuster(["completion", shell]);
    for (const flag of long) expect(out).toContain(shell === "fish" ? `-l ${flag.slice(2)}` : flag);
  }
});

it("knows only some shells", async () => {
  expect(await runMuster(["completion", "tcsh"])).toMatchObject({
    code: 2,
    err: expect.stringContaining("Allowed choices are bash, zsh, fish"),
  });
});
