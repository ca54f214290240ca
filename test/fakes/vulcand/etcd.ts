/** The etcd behind Vulcand: up, frozen or down, and what becomes of writes meanwhile (hazard 6, etcd-outage.json). */
import { type Dialect, isBeta, isV3, type Reply } from "./dialect.ts";

export interface Etcd {
  /** SIGSTOP: nobody gets an answer; what was asked is done after `resume`. */
  freeze(): void;
  /** The process is gone. With v3 nobody gets an answer, and what was asked is done after `resume`. */
  stop(): void;
  /** Up again; what waited is done now: with v3 deletions before earlier writes, as it was measured. */
  resume(): void;
  /**
   * Does it, now or when etcd is back.
   * @param answer gets the reply, unless the client has gone
   */
  run(method: string, act: () => Reply, answer: (reply: Reply) => void): void;
  /** Requests that wait for etcd. */
  readonly waiting: number;
}

interface Waiting {
  readonly method: string;
  readonly act: () => Reply;
  readonly answer: (reply: Reply) => void;
}

export function createEtcd(dialect: Dialect): Etcd {
  let state: "up" | "frozen" | "down" = "up";
  let queue: Waiting[] = [];

  return {
    freeze() {
      state = "frozen";
    },
    stop() {
      state = "down";
    },
    resume() {
      state = "up";
      const due = isV3(dialect) ? [...queue].sort((a, b) => rank(a) - rank(b)) : queue;
      queue = [];
      for (const { act, answer } of due) answer(act());
    },
    run(method, act, answer) {
      if (state === "up") answer(act());
      else if (state === "down" && !isV3(dialect)) answer(unreachable(dialect));
      else queue.push({ method, act, answer });
    },
    get waiting() {
      return queue.length;
    },
  };
}

function rank({ method }: Waiting): number {
  return method === "DELETE" ? 0 : 1;
}

function unreachable(dialect: Dialect): Reply {
  if (isBeta(dialect)) {
    const message = "501: All the given peers are not reachable (Tried to connect to each peer twice and failed) [0]";
    return { status: 400, body: { message } };
  }
  const message =
    "client: etcd cluster is unavailable or misconfigured; error #0: dial tcp: connect: connection refused\n";
  return { status: 500, body: { message } };
}
