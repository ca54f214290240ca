import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { basename } from "node:path";

/** How to run a program that ends by itself. */
export interface RunOptions {
  /** The whole environment of the program. @default process.env */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Written to its standard input. @default nothing: the input is empty */
  readonly input?: string | Uint8Array | undefined;
  readonly cwd?: string | undefined;
  /** Kills the program and rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** A program that ended with an exit code other than 0, or by a signal (then `code` is null). */
export class CommandError extends Error {
  readonly code: number | null;
  readonly stderr: string;

  constructor(message: string, code: number | null, stderr: string) {
    super(message);
    this.name = "CommandError";
    this.code = code;
    this.stderr = stderr;
  }
}

/** Runs a program without a shell and returns its standard output. Throws {@link CommandError} with its standard error. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  options.signal?.throwIfAborted();
  const child = spawn(command, args, {
    stdio: ["pipe", "pipe", "pipe"],
    cwd: options.cwd,
    env: options.env ?? process.env,
  });
  const stop = (): void => void child.kill("SIGKILL");
  options.signal?.addEventListener("abort", stop);
  try {
    child.stdin.on("error", () => {}); // a program that ends without reading its input is no fault of ours
    child.stdin.end(options.input ?? "");
    const [[code], stdout, stderr] = await Promise.all([
      once(child, "close") as Promise<[number | null]>,
      text(child.stdout),
      text(child.stderr),
    ]);
    options.signal?.throwIfAborted();
    if (code === 0) return stdout;
    throw new CommandError(`${describe(command, args)}: ${stderr.trim() || `exit code ${code}`}`, code, stderr);
  } finally {
    options.signal?.removeEventListener("abort", stop);
  }
}

/** How to start a program that runs on. */
export interface ServeOptions {
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly stdio: StdioOptions;
}

/**
 * Starts a program that runs until it is killed, and at the latest until this process ends: the kernel kills it then
 * (`setpriv --pdeathsig`), so that a crashed test run leaves nothing running. It does not keep this process alive.
 * In a worker thread it lives as long as the thread. Its standard input should not be a pipe that nobody closes.
 */
export function serve(command: string, args: readonly string[], options: ServeOptions): ChildProcess {
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", command, ...args], {
    stdio: options.stdio,
    env: options.env ?? process.env,
  });
  child.on("error", () => {}); // seen by whoever waits for it to answer
  child.unref();
  return child;
}

/** {@link serve} with what it writes appended to a file. */
export function serveInto(
  logFile: string,
  { path, env }: { readonly path: string; readonly env: NodeJS.ProcessEnv },
  args: readonly string[],
): ChildProcess {
  const output = openSync(logFile, "a");
  try {
    return serve(path, args, { env, stdio: ["ignore", output, output] });
  } finally {
    closeSync(output);
  }
}

/** Aborts when the program ends, or with another signal: whoever waits for its answers need not wait any longer. */
export function whileRunning(child: ChildProcess, signal?: AbortSignal): AbortSignal {
  const end = new AbortController();
  const abort = (): void => end.abort(new Error("the program has ended"));
  if (ended(child)) abort();
  child.once("exit", abort);
  child.once("error", (error) => end.abort(error));
  return signal === undefined ? end.signal : AbortSignal.any([signal, end.signal]);
}

/** Has the program ended (or never started)? */
export function ended(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

/** Sends a signal, unless it has ended, and waits for its end. */
export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (ended(child)) return;
  const exit = once(child, "exit");
  child.ref();
  child.kill(signal);
  await exit;
}

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  stream.setEncoding("utf8");
  let all = "";
  for await (const part of stream) all += part as string;
  return all;
}

function describe(command: string, args: readonly string[]): string {
  const line = [basename(command), ...args].join(" ");
  return line.length > 120 ? `${line.slice(0, 117)}...` : line;
}
