/**
 * What a load balancer does with a target group, without a load balancer: each request goes to one of the group's healthy
 * targets in turn, nothing is tried twice, and for a moment after it is deregistered a target still gets new requests, as
 * users of ALBs report (facts/alb.md §1.2).
 */
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import type { FakeElb } from "../fakes/alb/server.ts";
import type { Group } from "../fakes/alb/world.ts";

/** ms */
const LAG = 300;

export interface TargetProxy extends AsyncDisposable {
  readonly url: string;
}

/** @param address where the targets' machine is */
export async function startTargetProxy({ world }: FakeElb, group: Group, address: string): Promise<TargetProxy> {
  const agent = new Agent({ keepAlive: true });
  let turn = 0;

  function next(): number | null {
    const healthy = world.seen(group).filter(({ state }) => state === "healthy");
    const late = [...group.targets.values()].filter(
      ({ deregisteredAt }) => deregisteredAt !== null && world.now() - deregisteredAt < LAG,
    );
    const ports = [...healthy, ...late].map(({ port }) => port);
    turn += 1;
    return ports[turn % ports.length] ?? null;
  }

  const server = createServer((incoming, response) => {
    const port = next();
    const fail = (status: number) => () => void response.writeHead(status).end();
    if (port === null) return fail(503)();
    request({ host: address, port, path: incoming.url, agent }, (answer) => {
      response.writeHead(answer.statusCode ?? 502);
      answer.pipe(response);
    })
      .on("error", fail(502))
      .end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
