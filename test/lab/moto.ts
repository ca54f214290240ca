/** Moto, an emulator of AWS that is not ours: from Debian 13, with what it needs from the machine's own release (facts/lab.md). */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { packageSet, type Tool } from "./packages.ts";
import { freePorts } from "./ports.ts";
import { end, serveInto, whileRunning } from "./run.ts";
import { until } from "./wait.ts";

export interface Moto extends AsyncDisposable {
  /** `http://127.0.0.1:20080` */
  readonly url: string;
}

/** One that runs already, and is used instead. */
const given = (): string => process.env["MUSTER_TEST_MOTO_URL"] ?? "";

/** CloudFormation imports it, Debian 12 lacks it, and only API Gateway uses it: the very least that can be imported. */
const STUB = {
  "__init__.py": "def validate(*_):\n    raise NotImplementedError\n\n\nvalidate_spec = validate\n",
  "validation/__init__.py": "",
  "validation/exceptions.py": "class OpenAPIValidationError(Exception):\n    pass\n",
};

/** Fetches what is missing. Throws one line that says what cannot be had here. */
export async function findMoto(): Promise<void> {
  if (given() === "") await python();
}

/** Starts moto: some 2 s, the first time on a machine some 10 s more (see `packages.ts`). */
export async function startMoto(): Promise<Moto> {
  if (given() !== "") return { url: given(), async [Symbol.asyncDispose]() {} };
  const { path, env } = await python();
  const folder = await mkdtemp(join(tmpdir(), "muster-moto-"));
  const stub = join(folder, "stub", "openapi_spec_validator");
  await mkdir(join(stub, "validation"), { recursive: true });
  for (const [name, text] of Object.entries(STUB)) await writeFile(join(stub, name), text);
  const [port] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const log = join(folder, "log");
  const modules = [env["PYTHONPATH"] ?? "", join(folder, "stub")].join(delimiter);
  const program = { path, env: { ...env, PYTHONPATH: modules } };
  const child = serveInto(log, program, ["-m", "moto.server", "-H", "127.0.0.1", "-p", String(port)]);
  const dispose = async () => {
    await end(child, "SIGKILL");
    await rm(folder, { recursive: true, force: true });
  };
  const answers = async () => (await fetch(`${url}/moto-api/reset`, { method: "POST" })).ok;
  try {
    const signal = whileRunning(child);
    await until(answers, { timeoutMs: 60_000, everyMs: 50, what: "moto to answer", signal });
  } catch (cause) {
    const text = await readFile(log, "utf8").catch(() => "");
    await dispose();
    throw new Error(`lab: moto does not answer: ${text.trim().split("\n").at(-1)}`, { cause });
  }
  return { url, [Symbol.asyncDispose]: dispose };
}

/** Debian's own Python, the one that its packages are for, whichever is first on PATH. */
async function python(): Promise<Tool> {
  const sets = await Promise.all([packageSet("moto"), packageSet("python")]);
  const folders = sets.map(({ root }) => join(root, "usr", "lib", "python3", "dist-packages"));
  const [, { root, env }] = sets;
  const installed = "/usr/bin/python3";
  const hasOwn = !existsSync(installed);
  return {
    path: hasOwn ? join(root, "usr", "bin", "python3") : installed,
    env: { ...env, PYTHONPATH: folders.join(delimiter), ...(hasOwn && { PYTHONHOME: join(root, "usr") }) },
  };
}
