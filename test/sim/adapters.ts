/**
 * The registry adapters of a simulated Muster: what they make of an instance, and the requests to the servers, each of
 * which may fail, come late, or be carried out without anyone hearing of it.
 */
import type { Change, Instance, Outcome, Registration, Registry } from "../../src/model.ts";
import type { Random } from "../lab/marathon/random.ts";
import type { Machine, Process } from "./machine.ts";
import type { RegistryServer } from "./registries.ts";

/** The way between one Muster and one registry, at the moment. */
export interface Line {
  readonly isOpen: boolean;
  readonly isDown: boolean;
  /** ms, one way. */
  readonly slowness: number;
  /** Shares in [0, 1]: answered with an error, done but unanswered, carried out long after everybody has given up. */
  readonly errors: number;
  readonly lost: number;
  readonly late: number;
}

export interface AdapterOptions {
  readonly machine: Machine;
  readonly process: Process;
  readonly random: Random;
  readonly server: RegistryServer;
  /** Whose entries are its own. */
  readonly owner: string;
  line(): Line;
  readonly project: (instance: Instance) => readonly Registration[];
  /** See `Registry`. */
  readonly concurrent: boolean;
  readonly watcher: AdapterWatcher;
  /** Calls back whenever the registry was away and is back; @returns ends it. */
  onReturn(listener: () => void): () => void;
}

/** Sees all that goes out and all that is carried out. */
export interface AdapterWatcher {
  sends(changes: readonly Change[], options: AdapterOptions): void;
  /** What was sent has been answered, or is not waited for any more. */
  settles?(changes: readonly Change[], options: AdapterOptions): void;
  lands(change: Change, options: AdapterOptions, isTimely: boolean): void;
  lists(options: AdapterOptions): void;
}

const TIME_LIMIT_MS = 2_000;

type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: string; readonly ambiguous: boolean };

export function createAdapter(options: AdapterOptions): Registry {
  const { server, owner, project, concurrent, watcher, onReturn } = options;
  return {
    name: server.name,
    project,
    drains: true,
    concurrent,
    async list(signal) {
      const answer = await request(
        options,
        () => [...server.held(owner)].map(({ registration }) => registration),
        signal,
      );
      if (!answer.ok) throw new Error(answer.error);
      watcher.lists(options);
      return answer.value;
    },
    async apply(changes, signal) {
      signal.throwIfAborted();
      watcher.sends(changes, options);
      const outcomes: Outcome[] = [];
      try {
        for (const change of changes) outcomes.push(await carryOut(options, change, signal));
        return outcomes;
      } finally {
        watcher.settles?.(changes, options);
      }
    },
    async listOthers(signal) {
      const others = () =>
        [...server.entries.values()].flatMap((entry) =>
          entry.owner === null || entry.owner === owner || entry.registration.instance === null
            ? []
            : [{ ...entry.registration, node: entry.owner }],
        );
      const answer = await request(options, others, signal);
      if (!answer.ok) throw new Error(answer.error);
      return answer.value;
    },
    async *returns(signal) {
      let wake = () => {};
      let count = 0;
      const off = onReturn(() => {
        count++;
        wake();
      });
      signal.addEventListener("abort", () => wake(), { once: true });
      while (!signal.aborted) {
        if (count === 0) await new Promise<void>((resolve) => (wake = resolve));
        if (count > 0 && !signal.aborted) yield null;
        count = 0;
      }
      off();
    },
    async [Symbol.asyncDispose]() {},
  };
}

async function carryOut(options: AdapterOptions, change: Change, signal: AbortSignal): Promise<Outcome> {
  signal.throwIfAborted();
  const { server, owner, watcher, machine } = options;
  const sentAt = machine.now();
  const perform = () => {
    const isOthers = change.before?.node !== undefined && change.before.node !== owner;
    const refusal = isOthers ? server.reap(change) : server.write(change, owner);
    watcher.lands(change, options, options.process.alive && machine.now() - sentAt < TIME_LIMIT_MS);
    return refusal ?? null;
  };
  const answer = await request(options, perform, signal);
  if (!answer.ok) return { ok: false, error: answer.error, retry: true, ambiguous: answer.ambiguous };
  if (answer.value === null) return { ok: true };
  return { ok: false, ...answer.value, ambiguous: false };
}

/** One request; what goes wrong is decided when it is sent, so that what comes later does not change it. */
function request<T>(options: AdapterOptions, perform: () => T, signal: AbortSignal): Promise<Answer<T>> {
  const { machine, process, random, server, line } = options;
  const { isOpen, isDown, slowness, errors, lost, late } = line();
  const away = 0.2 + slowness * (0.5 + random.next());
  const back = 0.2 + slowness * (0.5 + random.next());
  const chance = random.next();
  const isLate = chance < late;
  const isLost = !isLate && chance < late + lost;
  const isError = !isLate && !isLost && chance < late + lost + errors;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const settle = (label: string, delay: number, answer: Answer<T>) =>
      machine.after(delay, process, `${server.name} ${label}`, () => {
        signal.removeEventListener("abort", abort);
        resolve(answer);
      });
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    const failure = (error: string, ambiguous: boolean) => ({
      ok: false as const,
      error: `${server.name}: ${error}`,
      ambiguous,
    });
    if (!isOpen) return void settle("times out", TIME_LIMIT_MS, failure("no answer in time", true));
    if (isDown) return void settle("refuses", away, failure("connection refused", false));
    if (isError) return void settle("fails", away + back, failure("500", random.chance(0.3)));
    if (isLate || isLost) settle("times out", TIME_LIMIT_MS, failure("no answer in time", true));
    const arrival = isLate ? TIME_LIMIT_MS + 3_000 * random.next() : away;
    machine.after(arrival, null, `${server.name} carries out`, () => {
      if (line().isDown)
        return isLate || isLost ? undefined : void settle("breaks", back, failure("connection reset", true));
      const value = perform();
      if (!isLate && !isLost) settle("answers", back, { ok: true, value });
    });
  });
}

/** Like Consul's: one entry an instance, in maintenance until its task has ended. */
export function throughConsul(instance: Instance): readonly Registration[] {
  const { id, service, task, source, address, port, tags, state } = instance;
  const own = { key: id, instance: id, service, task, source, rank: 0 };
  const draining = state === "draining" ? { draining: true } : {};
  const spec = { service, address, port, tags, ...draining };
  return [{ ...own, endpoint: `${address}:${port}/tcp`, spec, ...draining }];
}

/** Like Kong's: a target by its address, on an upstream and behind a route that belong to the service. */
export function throughGateway(instance: Instance): readonly Registration[] {
  const { id, service, task, source, address, port, routes, state } = instance;
  const shared = { instance: null, service, task: null, source: null, endpoint: null };
  const isDraining = state === "draining";
  const target = { key: `target:${service}/${address}:${port}`, instance: id, service, task, source, rank: 0 };
  return [
    { ...shared, key: `upstream:${service}`, rank: -2, spec: { service } },
    ...routes.map(({ hosts, paths }, index) => ({
      ...{ ...shared, key: `route:${service}.${index}`, rank: -1, spec: { hosts, paths } },
      claims: hosts.flatMap((host) => paths.map((path) => `${host}${path}`)),
    })),
    {
      ...{ ...target, endpoint: `${address}:${port}/tcp`, spec: { weight: isDraining ? 0 : 100 } },
      ...(isDraining ? { draining: true } : {}),
    },
  ];
}
