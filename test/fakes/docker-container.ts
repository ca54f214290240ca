/** One container of the fake engine, in the shapes of the engine's answers. */

export interface FakeContainer {
  /** @default c1, c2, … */
  readonly name?: string;
  readonly image?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly env?: readonly string[];
  /** Container port → host port; 0: another one at every start. @default { "8080/tcp": 0 } */
  readonly ports?: Readonly<Record<string, number>>;
  /** Whether it has a health check. */
  readonly healthCheck?: boolean;
  readonly stopSignal?: string;
  /** Signals that it runs on after. */
  readonly ignores?: readonly string[];
  /** s */
  readonly stopTimeout?: number;
  /** Network names. @default bridge */
  readonly networks?: readonly string[];
  /** Last changes to its inspect, to make it odd or wrong. */
  readonly distort?: (inspect: object) => unknown;
}

/** What it is like now. */
export interface State {
  readonly id: string;
  readonly spec: FakeContainer;
  name: string;
  status: "running" | "paused" | "exited";
  exitCode: number;
  runs: number;
  health: string;
  networks: string[];
  ports: Readonly<Record<string, number>>;
}

/** Its row in `GET /containers/json`. */
export function rowOf(state: State): object {
  return {
    Id: state.id,
    Names: [`/${state.name}`],
    Image: imageOf(state),
    Labels: state.spec.labels ?? {},
    State: state.status,
  };
}

/** Its `GET /containers/{id}/json`. @param networkId network name → id */
export function inspectOf(state: State, networkId: (name: string) => string): object {
  const { spec, status, ports } = state;
  const isUp = status !== "exited";
  const bindings = Object.entries(ports).map(([key, port]) => [key, hostBindings(port)]);
  const attached = state.networks.map((name, index) => [
    name,
    {
      NetworkID: networkId(name),
      IPAddress: isUp && name !== "host" ? `172.17.${index}.2` : "",
      GlobalIPv6Address: "",
    },
  ]);
  return {
    Id: state.id,
    Name: `/${state.name}`,
    Image: `sha256:${"ab".repeat(32)}`,
    State: {
      ...{ Status: status, Running: isUp, Paused: status === "paused", Restarting: false, ExitCode: state.exitCode },
      StartedAt: `run ${state.runs}`,
      ...(state.health === "" ? {} : { Health: { Status: state.health } }),
    },
    Config: {
      ...{
        Image: imageOf(state),
        Labels: spec.labels ?? {},
        Env: ["PATH=/bin", ...(spec.env ?? [])],
        ExposedPorts: { "8080/tcp": {} },
      },
      ...(spec.healthCheck === true ? { Healthcheck: { Test: ["CMD", "true"] } } : {}),
      ...(spec.stopSignal === undefined ? {} : { StopSignal: spec.stopSignal }),
      ...(spec.stopTimeout === undefined ? {} : { StopTimeout: spec.stopTimeout }),
    },
    HostConfig: { NetworkMode: state.networks[0] ?? "none", PortBindings: {} },
    NetworkSettings: { Ports: isUp ? Object.fromEntries(bindings) : {}, Networks: Object.fromEntries(attached) },
  };
}

function hostBindings(port: number): readonly object[] {
  return [
    { HostIp: "0.0.0.0", HostPort: String(port) },
    { HostIp: "::", HostPort: String(port) },
  ];
}

export function imageOf({ spec }: State): string {
  return spec.image ?? "lab/web:v1";
}
