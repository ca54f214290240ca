import type { Container } from "./container.ts";
import { readRows } from "./inspect.ts";
import type { Outcome } from "./inspector.ts";
import { isStopping } from "./kills.ts";
import type { Session } from "./session.ts";

/**
 * Lists everything, in `resync`…`synced` brackets: all running containers are inspected again. One that can't be
 * inspected is repeated as last known; one that is on its way down is not asked for, as its inspect would block
 * (facts/docker-swarm.md, Inspect races).
 * @param isFirst of this connection, so that nothing that was known can be relied on
 * @returns whether it is whole; if not, it has not been closed, and another one is needed
 */
export async function list(session: Session, isFirst: boolean): Promise<boolean> {
  const { engine, networks, containers, stamps, outbox, signal } = session;
  await outbox.room(signal);
  const overflows = outbox.overflows();
  const opening = stamps.next("list");
  outbox.push([stamps.fact({ kind: "resync" }, opening)]);
  const [json] = await Promise.all([engine.containers(signal), learn(session, networks.learn())]);
  const listed = containers.listed(readRows(json), opening.clock);
  session.onConnected(session.info);
  sayNode(session);
  await reportAll(session, listed, isFirst);
  signal.throwIfAborted();
  if (outbox.overflows() !== overflows) return false;
  outbox.push([stamps.fact({ kind: "synced", floor: opening.clock, trust: "node" }, stamps.next("list"))]);
  return outbox.overflows() === overflows;
}

/** Without the networks there is still a listing: their kinds are guessed. */
async function learn({ context, signal }: Session, learned: Promise<void>): Promise<void> {
  try {
    await learned;
  } catch (error) {
    if (!signal.aborted) context.log.debug({ err: error }, "docker networks not read, their kinds are guessed");
  }
}

function sayNode({ context, outbox, stamps }: Session): void {
  const { id, address } = context.node;
  outbox.push([stamps.fact({ kind: "node", node: id, address, state: "up" }, stamps.next("list"))]);
}

async function reportAll(session: Session, listed: readonly Container[], isFirst: boolean): Promise<void> {
  const { inspector, outbox, signal } = session;
  const reports: Promise<void>[] = [];
  for (const container of listed) {
    // A listing can wait for a slow consumer; events can't.
    await outbox.room(signal);
    await inspector.room();
    if (signal.aborted) return;
    const inspected = isStopping(container) && !isFirst ? "failed" : inspector.refresh(container, "list");
    reports.push(report(session, container, inspected));
  }
  await Promise.all(reports);
}

async function report(
  { containers, stamps, signal }: Session,
  container: Container,
  inspected: Outcome | Promise<Outcome>,
): Promise<void> {
  const outcome = await inspected;
  if (outcome === "done" || signal.aborted || !containers.holds(container) || container.ended !== null) return;
  if (outcome === "failed" || container.snapshot !== null) containers.repeat(container, stamps.next("list"));
}
