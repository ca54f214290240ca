/**
 * A fake Docker Engine with state: containers that start, stop, crash, restart and change, with the events of a real
 * engine in the order of a real engine (facts/docker-swarm.md, Order). Everything happens at once, when it is called.
 */
import { type FakeContainer, imageOf, inspectOf, rowOf, type State } from "./docker-container.ts";
import { type EngineHttp, startEngineHttp } from "./docker-http.ts";

export type EventOrder = "20.10" | "28.5";

export interface FakeEngine extends EngineHttp {
  /** Creates and starts. @returns the container's id */
  run(container?: FakeContainer): string;
  start(id: string): void;
  /** Ends by itself. @param exitCode default 1 */
  crash(id: string, exitCode?: number): void;
  /** Only the signal, whatever becomes of it. */
  signal(id: string, signal: number): void;
  /** `ID SIGNAL` of each that the API was asked to send. */
  readonly killed: readonly string[];
  /** As `docker stop`: signal, end and the rest. */
  stop(id: string): void;
  /** As `docker restart`: same id, other ports. */
  restart(id: string): void;
  /** As `docker rm -f`. */
  remove(id: string): void;
  pause(id: string): void;
  unpause(id: string): void;
  health(id: string, status: "healthy" | "unhealthy"): void;
  rename(id: string, name: string): void;
  connect(id: string, network: string): void;
  addNetwork(name: string, driver: string): void;
  /** Changes the state while nobody is told, as while the engine's daemon is down. */
  silently(change: () => void): void;
  /** The truth: ids of what runs, with the host port of 8080. */
  running(): ReadonlyMap<string, number | null>;
}

const NUMBERS: Readonly<Record<string, number>> = { SIGTERM: 15, SIGINT: 2, SIGQUIT: 3 };

export const ENGINE_ID = "FAKE:ENGI:NEID";

export async function startFakeEngine({ order = "20.10" }: { readonly order?: EventOrder } = {}): Promise<FakeEngine> {
  const containers = new Map<string, State>();
  const networks = new Map([
    ["bridge", { Id: hexId(1001), Driver: "bridge" }],
    ["host", { Id: hexId(1002), Driver: "host" }],
  ]);
  const killed: string[] = [];
  let made = 0;
  let nextPort = 32_768;
  let isSilent = false;

  const http = await startEngineHttp({
    info: () => ({
      ID: ENGINE_ID,
      SystemTime: new Date().toISOString(),
      Swarm: { LocalNodeState: "inactive", NodeID: "", NodeAddr: "" },
    }),
    containers: () => [...containers.values()].filter(({ status }) => status !== "exited").map(rowOf),
    inspect(id) {
      const state = containers.get(id);
      if (state === undefined) return undefined;
      const inspect = inspectOf(state, networkId);
      return state.spec.distort === undefined ? inspect : state.spec.distort(inspect);
    },
    kill(id, signal) {
      const state = containers.get(id);
      if (state === undefined) return 404;
      if (state.status === "exited") return 409;
      send(state, "kill", { signal: String(NUMBERS[signal] ?? 0) });
      killed.push(`${id} ${signal}`);
      if (state.spec.ignores?.includes(signal) !== true) end(id, 0, false);
      return 204;
    },
    networks: () => [...networks].map(([Name, network]) => ({ Name, ...network, Ingress: false })),
  });

  function networkId(name: string): string {
    return networks.get(name)?.Id ?? "";
  }

  function send(state: State, action: string, extra: Readonly<Record<string, string>> = {}): void {
    if (isSilent) return;
    const Attributes = { image: imageOf(state), name: state.name, ...extra, ...state.spec.labels };
    http.send({ Type: "container", Action: action, Actor: { ID: state.id, Attributes }, scope: "local" });
  }

  function sendNetwork(state: State, action: string, name: string): void {
    if (isSilent) return;
    const ID = networkId(name);
    http.send({
      Type: "network",
      Action: action,
      Actor: { ID, Attributes: { container: state.id, name, type: "bridge" } },
    });
  }

  function get(id: string): State {
    const state = containers.get(id);
    if (state === undefined) throw new Error(`fake engine: no container ${id}`);
    return state;
  }

  function run(spec: FakeContainer = {}): string {
    made += 1;
    const id = hexId(made);
    const state: State = {
      ...{ id, spec, name: spec.name ?? `c${made}`, status: "exited", exitCode: 0, runs: 0, health: "" },
      networks: [...(spec.networks ?? ["bridge"])],
      ports: {},
    };
    containers.set(id, state);
    send(state, "create");
    start(id);
    return id;
  }

  function start(id: string): void {
    const state = get(id);
    state.status = "running";
    state.runs += 1;
    state.health = state.spec.healthCheck === true ? "starting" : "";
    const wanted = Object.entries(state.spec.ports ?? { "8080/tcp": 0 });
    state.ports = Object.fromEntries(wanted.map(([key, port]) => [key, port === 0 ? nextPort++ : port]));
    for (const name of state.networks) sendNetwork(state, "connect", name);
    send(state, "start");
  }

  /** @param isStop whether the engine was told to stop it, and so says `stop` */
  function end(id: string, exitCode: number, isStop: boolean): void {
    const state = get(id);
    state.status = "exited";
    state.exitCode = exitCode;
    const die = () => send(state, "die", { exitCode: String(exitCode) });
    if (order === "20.10") die();
    for (const name of state.networks) sendNetwork(state, "disconnect", name);
    if (isStop) send(state, "stop");
    if (order === "28.5") die();
  }

  function stop(id: string): void {
    signal(id, 15);
    end(id, 0, true);
  }

  function signal(id: string, number: number): void {
    send(get(id), "kill", { signal: String(number) });
  }

  function remove(id: string): void {
    const state = get(id);
    if (state.status !== "exited") {
      signal(id, 9);
      end(id, 137, false);
    }
    containers.delete(id);
    send(state, "destroy");
  }

  return {
    ...http,
    ...{ run, start, stop, signal, remove, killed },
    crash: (id, exitCode = 1) => end(id, exitCode, false),
    restart(id) {
      stop(id);
      start(id);
      send(get(id), "restart");
    },
    pause(id) {
      get(id).status = "paused";
      send(get(id), "pause");
    },
    unpause(id) {
      get(id).status = "running";
      send(get(id), "unpause");
    },
    health(id, status) {
      get(id).health = status;
      send(get(id), `health_status: ${status}`);
    },
    rename(id, name) {
      get(id).name = name;
      send(get(id), "rename", { oldName: "old" });
    },
    connect(id, network) {
      get(id).networks.push(network);
      sendNetwork(get(id), "connect", network);
    },
    addNetwork: (name, driver) => void networks.set(name, { Id: hexId(2000 + networks.size), Driver: driver }),
    silently(change) {
      isSilent = true;
      change();
      isSilent = false;
    },
    running: () =>
      new Map(
        [...containers.values()]
          .filter(({ status }) => status === "running")
          .map(({ id, ports }) => [id, ports["8080/tcp"] ?? null]),
      ),
  };
}

function hexId(number: number): string {
  return number.toString(16).padStart(64, "0");
}
