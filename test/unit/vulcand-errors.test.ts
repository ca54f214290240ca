import { describe, expect, it } from "vitest";
import { answerError, isMissing } from "../../adapters/registries/vulcand/errors.ts";
import { DIALECTS } from "../fakes/vulcand/dialect.ts";
import { recordedRuns } from "../fakes/vulcand/transcript.ts";

function failing(status: number, message: string) {
  const { retry, ambiguous } = answerError({ status, headers: {}, text: JSON.stringify({ message }) }, false);
  return { retry, ambiguous };
}

const REFUSED = { retry: false, ambiguous: false };
const UNKNOWN = { retry: true, ambiguous: true };

describe("what Vulcand's failures mean", () => {
  it.each([
    [400, "501: All the given peers are not reachable (Tried to connect to each peer twice and failed) [0]"],
    [
      500,
      "client: etcd cluster is unavailable or misconfigured; error #0: dial tcp 1.2.3.4:2379: connection refused\n",
    ],
    [500, "dial tcp 127.0.0.1:23790: connect: connection refused"],
    [500, "context deadline exceeded"],
    [404, "100: Key not found (/vulcand/backends/web) [3]"],
    [404, "Key not found"],
    [500, "something that nobody has seen yet"],
  ])("%i %s: the write may be done, and is worth another try", (status, message) => {
    expect(failing(status, message)).toEqual(UNKNOWN);
  });

  it.each([
    [500, "can not delete backend 'web', it is in use by [{web Host(\"web\") http web}]"],
    [400, "can not delete backend 'web', it is in use by [{web Host(\"web\") http web}]"],
    [404, "Object not found"],
    [403, "Forbidden"],
  ])("%i %s: refused", (status, message) => {
    expect(failing(status, message)).toEqual(REFUSED);
  });

  it.each(DIALECTS)("every mistake that was recorded on %s is known as one, whatever its status", (dialect) => {
    const steps = recordedRuns(dialect).flatMap((run) => run.steps);
    const mistakes = steps.filter(({ step, status }) => /^bad |^content type|^ttl /.test(step) && (status ?? 0) >= 400);
    const known = mistakes.filter(({ step }) => !/ttl (?:gone|get|proxy)/.test(step));
    expect(known.length).toBeGreaterThan(30);
    for (const { step, status, answer = "" } of known) {
      const { retry, ambiguous } = answerError({ status: status ?? 0, headers: {}, text: answer }, false);
      expect({ step, retry, ambiguous }).toEqual({ step, ...REFUSED });
    }
  });

  it("a deletion that finds nothing is told from a path that is none", () => {
    const missing = (status: number, text: string) => isMissing({ status, headers: {}, text });
    expect(missing(404, '{"message":"100: Key not found (/vulcand/hosts/x) [3]"}')).toBe(true);
    expect(missing(404, '{"message":"object not found"}')).toBe(true);
    expect(missing(404, "<html>no such page</html>")).toBe(false);
    expect(missing(500, '{"message":"Key not found"}')).toBe(false);
  });
});
