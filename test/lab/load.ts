/**
 * A steady load on an HTTP server, open-loop: requests begin at their appointed times, whether or not earlier ones have
 * been answered, as users' do. Everything but a whole answer with status 200 is counted as a failure.
 */
import { Agent, type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";

export interface LoadOptions {
  readonly url: string;
  /** Requests a second. */
  readonly rate: number;
  /** ms for a whole request, from its appointed time. */
  readonly timeoutMs: number;
}

export interface FailedRequest {
  /** ms since the load began. */
  readonly at: number;
  /** Whether it came over a connection of its own, or over one that was kept alive. */
  readonly connection: "new" | "kept";
  /** `status 503`, `ECONNRESET`, `no answer within 5000 ms`. */
  readonly reason: string;
}

export interface LoadReport {
  readonly requests: number;
  readonly failures: readonly FailedRequest[];
  /** How many answers had which body. */
  readonly bodies: ReadonlyMap<string, number>;
  /** ms that the slowest took, from its appointed time. */
  readonly slowest: number;
}

export interface Load {
  readonly report: LoadReport;
  /** Begins no more, and waits for those under way. */
  stop(): Promise<LoadReport>;
}

/** Half of the requests share connections that are kept alive, the others have one each. */
export function startLoad({ url, rate, timeoutMs }: LoadOptions): Load {
  const agent = new Agent({ keepAlive: true });
  const began = performance.now();
  const failures: FailedRequest[] = [];
  const bodies = new Map<string, number>();
  const underWay = new Set<Promise<void>>();
  const report = { requests: 0, failures, bodies, slowest: 0 };

  async function one(appointed: number, connection: FailedRequest["connection"]): Promise<void> {
    try {
      const body = await get(url, connection === "kept" ? agent : false, timeoutMs - (performance.now() - appointed));
      bodies.set(body, (bodies.get(body) ?? 0) + 1);
    } catch (error) {
      failures.push({ at: Math.round(appointed - began), connection, reason: reasonOf(error) });
    } finally {
      report.slowest = Math.max(report.slowest, performance.now() - appointed);
    }
  }

  /** All that are due; more than one after this process was held up. */
  function begin(): void {
    while (began + (report.requests * 1000) / rate <= performance.now()) {
      const appointed = began + (report.requests * 1000) / rate;
      const request = one(appointed, report.requests % 2 === 0 ? "new" : "kept");
      underWay.add(request);
      void request.finally(() => underWay.delete(request));
      report.requests += 1;
    }
  }

  const timer = setInterval(begin, Math.min(5, 500 / rate));
  return {
    report,
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
      agent.destroy();
      return report;
    },
  };
}

async function get(url: string, agent: Agent | false, timeoutMs: number): Promise<string> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), timeoutMs);
  try {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      request(url, { agent, signal: limit.signal }, resolve).on("error", reject).end();
    });
    // Throws if the connection ends before the body does.
    const body = await text(answer);
    if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`);
    return body;
  } catch (error) {
    throw limit.signal.aborted ? new Error(`no answer within ${Math.round(timeoutMs)} ms`) : error;
  } finally {
    clearTimeout(timer);
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error ? `${String(error.code)} (${error.message})` : error.message;
}
