/** `GET /v1/events`: changes of instances and registries as server-sent events. */
import type { Context } from "hono";
import { streamSSE } from "hono/streaming";
import type { Agent } from "./api.ts";
import { problem } from "./problem.ts";
import { goneView, type InstanceView, instanceView } from "./view.ts";

/** Frames held for a client that reads slowly; beyond it is cut off, and reconnects to a fresh view. */
const MAX_BACKLOG = 5_000;
/** Each holds a connection and, if it is slow, some MB. */
const MAX_STREAMS = 100;
/** Proxies close idle connections after 30 to 60 s. */
const HEARTBEAT_MS = 15_000;

interface Frame {
  readonly event: "instance" | "registry";
  readonly data: string;
}

/** @param max how many streams there may be at once */
export function createEvents(agent: Agent, max = MAX_STREAMS): (context: Context) => Response {
  let open = 0;
  return (context) => {
    if (open >= max) {
      context.header("retry-after", "30");
      return problem(context, 503, `there are ${max} event streams already; close some, or poll GET /v1/instances`);
    }
    open += 1;
    return events(context, agent, () => {
      open -= 1;
    });
  };
}

function events(context: Context, agent: Agent, ended: () => void): Response {
  return streamSSE(context, async (stream) => {
    const frames: Frame[] = [];
    let wake: (() => void) | null = null;
    let isOpen = true;
    const push = (frame: Frame) => {
      if (frames.push(frame) > MAX_BACKLOG) isOpen = false;
      wake?.();
    };
    const unsubscribe = subscribe(agent, push);
    stream.onAbort(() => {
      isOpen = false;
      wake?.();
    });
    const timer = setInterval(() => wake?.(), HEARTBEAT_MS);
    try {
      await stream.write(": muster\n\n");
      while (isOpen) {
        if (frames.length === 0) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          if (frames.length === 0 && isOpen) await stream.write(":\n\n");
        }
        for (const frame of frames.splice(0)) await stream.writeSSE(frame);
      }
    } finally {
      clearInterval(timer);
      unsubscribe();
      ended();
    }
  });
}

function subscribe(agent: Agent, push: (frame: Frame) => void): () => void {
  const pushView = (view: InstanceView) => push({ event: "instance", data: JSON.stringify(view) });
  return agent.subscribe({
    changed(scope, changes) {
      for (const { before, after } of changes) {
        if (after !== null) pushView(instanceView(after, scope));
        else if (before !== null) pushView(goneView(before, scope));
      }
    },
    wrote(scope, instances) {
      for (const id of instances) {
        const instance = scope.world.instance(id);
        if (instance !== null) pushView(instanceView(instance, scope));
      }
    },
    registryChanged(scope, registry) {
      const view = scope.reconcilers.find(({ name }) => name === registry)?.view();
      if (view !== undefined) push({ event: "registry", data: JSON.stringify(view) });
    },
  });
}
