import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { engineTools, makeDaemon } from "./daemon.ts";
import { importImages } from "./images.ts";
import { joinNetwork, leaveNetwork, type Network } from "./network.ts";
import { type LabNode, startNode } from "./node.ts";
import { claim, release, removeCgroups } from "./owner.ts";
import { type Tool, tools } from "./packages.ts";
import type { RunOptions } from "./run.ts";

/** How to start an engine. */
export interface EngineOptions {
  /** Also its host name. What a crashed process left of this name is removed. @default unique on this machine */
  readonly name?: string;
  /** More arguments for `dockerd`. */
  readonly args?: readonly string[];
  /** Import `lab/web:v1`, `:v2`, `:hc` and `lab/sleep:v1`. @default true */
  readonly images?: boolean;
  /** Ends the start; not the engine. */
  readonly signal?: AbortSignal;
}

/** A Docker Engine with namespaces, folders and addresses of its own. */
export interface Engine extends AsyncDisposable {
  readonly name: string;
  /** The path of its unix socket. */
  readonly socket: string;
  /** Its IPv4 address. Published ports answer here, to this host and to all engines of this process. */
  readonly address: string;
  /** The IPv4 address at which it and its containers reach this host. */
  readonly gateway: string;
  /** Runs the CLI and returns its output; throws with its standard error. */
  docker(args: readonly string[], options?: RunOptions): Promise<string>;
  /** Runs a program in the engine's namespaces. */
  exec(command: readonly string[], options?: RunOptions): Promise<string>;
  /** SIGKILL to `dockerd` alone: containers run on until it starts again. */
  killDaemon(): Promise<void>;
  /** SIGTERM to `dockerd`, which stops its containers (up to 15 s if they ignore TERM). Resolves when it has ended. */
  terminateDaemon(): Promise<void>;
  /** Starts `dockerd` again and waits until it answers. */
  startDaemon(): Promise<void>;
  /** Power loss: everything is killed, the cable hangs loose; the data stay. */
  powerOff(): Promise<void>;
  /** Power is back: same name, address and data. */
  boot(): Promise<void>;
  /** Its cable is cut: nobody reaches it over the network, while its socket answers as before. A boot mends the cable. */
  partition(): Promise<void>;
  /** The cable is mended. */
  heal(): Promise<void>;
  /** What `dockerd` wrote. */
  log(): Promise<string>;
}

/** Starts an engine: about 1 s, the first time on a machine some 6 s more (see `packages.ts`). Root on Linux only. */
export async function startEngine(options: EngineOptions = {}): Promise<Engine> {
  const programs = await tools(engineTools, options.signal);
  const network = await joinNetwork();
  try {
    const address = network.nextAddress();
    const name = options.name ?? `n${network.number}-${address.split(".").at(-1)}-${process.pid}`;
    const folder = await claim("engines", name, options.signal);
    const engine = assemble({ options, name, address, network, programs, folder });
    await ready(engine, options);
    return engine;
  } catch (error) {
    await leaveNetwork();
    options.signal?.throwIfAborted();
    throw error;
  }
}

async function ready(engine: Engine, options: EngineOptions): Promise<void> {
  try {
    await engine.boot();
    if (options.images !== false) await importImages(engine.socket, options.signal);
  } catch (error) {
    await engine.powerOff();
    await release("engines", engine.name);
    throw error;
  }
}

interface Parts {
  readonly options: EngineOptions;
  readonly name: string;
  readonly address: string;
  readonly network: Network;
  readonly programs: readonly Tool[];
  readonly folder: string;
}

function assemble({ options, name, address, network, programs, folder }: Parts): Engine {
  const link = `p${address.split(".").at(-1)}`;
  const socket = join(folder, "docker.sock");
  const daemon = makeDaemon({ name, folder, socket, programs, args: options.args ?? [] });
  let node: LabNode | undefined;
  let disposed = false;

  function powered(): LabNode {
    if (node === undefined) throw new Error(`lab: engine ${name} has no power`);
    return node;
  }

  async function powerOff(): Promise<void> {
    const ended = daemon.ended();
    await node?.kill();
    node = undefined;
    await ended;
    await network.unplug(link);
    await removeCgroups(name);
  }

  return {
    name,
    socket,
    address,
    gateway: network.gateway,
    docker: (args, runOptions) => daemon.docker(args, runOptions),
    exec: (command, runOptions) => powered().run(command, { env: programs[0]?.env, ...runOptions }),
    killDaemon: () => daemon.end("SIGKILL"),
    terminateDaemon: () => daemon.end("SIGTERM"),
    startDaemon: () => daemon.start(powered(), options.signal),
    powerOff,
    async boot() {
      if (node !== undefined) throw new Error(`lab: engine ${name} has power already`);
      const resolvConf = join(folder, "resolv.conf");
      await writeFile(resolvConf, "nameserver 127.0.0.1\n");
      const dockerConf = join(folder, "etc");
      await mkdir(dockerConf, { recursive: true });
      node = await startNode(name, { resolvConf, dockerConf });
      await network.plug(link, node.pid, address);
      await daemon.start(node, options.signal);
    },
    partition: () => network.cut(link, true),
    heal: () => network.cut(link, false),
    log: () => daemon.log(),
    async [Symbol.asyncDispose]() {
      if (disposed) return;
      disposed = true;
      await powerOff();
      await release("engines", name);
      await leaveNetwork();
    },
  };
}
