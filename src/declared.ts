/**
 * Declared ports joined with what a task was given: Marathon's address rule (facts/marathon.md §3, `NetworkInfo`). Pure.
 *
 * A declaration with a host port is reached at the agent's host and that port, in container mode as well; one without at
 * the task's own address and its container port. `ports[]` holds host ports only of the declarations that have one, so
 * the index of a port is not the index of its declaration (fact 7).
 */
import type { Endpoint } from "./endpoints.ts";
import type { Allocation, PortDeclaration, Protocol } from "./model.ts";

/** An endpoint, and the declaration that it comes from. */
export interface DeclaredEndpoint extends Endpoint {
  readonly declaration: PortDeclaration;
}

export function declaredEndpoints(
  declarations: readonly PortDeclaration[],
  allocated: Allocation,
): readonly DeclaredEndpoint[] {
  const ports = hostPorts(declarations, allocated);
  return declarations.flatMap((declaration) =>
    declaration.protocols.map((protocol) =>
      declaration.hasHostPort
        ? onHost(declaration, protocol, allocated.host, ports.get(declaration) ?? null)
        : onTask(declaration, protocol, allocated.addresses[0] ?? null),
    ),
  );
}

function hostPorts(
  declarations: readonly PortDeclaration[],
  { ports }: Allocation,
): ReadonlyMap<PortDeclaration, number> {
  const unnamed = ports.filter(({ name }) => name === null);
  let next = 0;
  const found = new Map<PortDeclaration, number>();
  for (const declaration of declarations) {
    if (!declaration.hasHostPort) continue;
    const named = ports.find(({ name }) => name !== null && name === declaration.name);
    const port = named ?? unnamed[next++];
    if (port !== undefined) found.set(declaration, port.port);
  }
  return found;
}

function onHost(
  declaration: PortDeclaration,
  protocol: Protocol,
  host: string | null,
  port: number | null,
): DeclaredEndpoint {
  const missing = [...(host === null ? ["address"] : []), ...(port === null ? ["port"] : [])];
  return endpoint(declaration, protocol, host, port, missing);
}

function onTask(declaration: PortDeclaration, protocol: Protocol, address: string | null): DeclaredEndpoint {
  const { containerPort } = declaration;
  const missing = [...(address === null ? ["address"] : []), ...(containerPort === null ? ["port"] : [])];
  return endpoint(declaration, protocol, address, containerPort, missing);
}

function endpoint(
  declaration: PortDeclaration,
  protocol: Protocol,
  address: string | null,
  port: number | null,
  missing: readonly string[],
): DeclaredEndpoint {
  const { containerPort, servicePort, name } = declaration;
  return {
    declaration,
    key: port,
    containerPort,
    protocol,
    address,
    port,
    servicePort,
    portName: name,
    mesh: false,
    missing,
    notes: [],
  };
}

/** Host ports whose meaning is not known yet: what can be told of a task before its definition is there. */
export function undeclaredEndpoints({ host, ports }: Allocation): readonly Endpoint[] {
  return ports.map(({ name, port }) => ({
    ...{
      key: port,
      containerPort: null,
      protocol: "tcp" as const,
      address: host,
      port,
      servicePort: null,
      portName: name,
      mesh: false,
    },
    ...{ missing: host === null ? ["address"] : [], notes: [] },
  }));
}
