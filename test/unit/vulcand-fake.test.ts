/** The fake is held against what real Vulcands of three versions answered (test/fixtures/vulcand). */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DIALECTS } from "../fakes/vulcand/dialect.ts";
import { type FakeVulcand, startFakeVulcand } from "../fakes/vulcand/server.ts";
import { playOnEtcd, type RecordedRun, type RecordedStep, recordedRuns } from "../fakes/vulcand/transcript.ts";

/** Not covered, each with its reason. */
const UNCOVERED: readonly { readonly steps: RegExp; readonly why: string }[] = [
  { steps: /^etcd dump/, why: "it is etcd's answer, and the fake's store has other meta data" },
  { steps: /^proxy through own listener|^own listener after delete/, why: "the fake opens no listeners" },
  { steps: /^proxy to refused port/, why: "the fake's proxy says which server it would ask, and asks none" },
  {
    steps: /^e2 proxy after (?:update|CAS|refresh|CAD)|^e2 after servers dir expiry/,
    why: "the proxy misses some direct writes to etcd; the API makes none of those",
  },
  {
    steps: /^poison: (?!delete)/,
    why: "what the proxy does with a poison server differs by version, and no adapter may make one",
  },
];
/** Compared by status only: they hold figures about traffic. */
const STATISTICS = /^top /;

describe.each(DIALECTS)("the fake Vulcand %s answers as the real one did", (dialect) => {
  let fake: FakeVulcand;
  let time = 1_000_000;

  beforeEach(async () => {
    fake = await startFakeVulcand(dialect, { now: () => time });
  });
  afterEach(() => fake[Symbol.asyncDispose]());

  it.each(recordedRuns(dialect))("run $run", async (run) => {
    const leases = new Map<string, string[]>();
    const covered = { api: 0, proxy: 0 };
    for (const [index, step] of run.steps.entries()) {
      time += step.wait;
      const where = `step ${index}, ${step.step}`;
      if (step.target === "etcd") playOnEtcd(fake.store, run, step, leases);
      if (step.target === "etcd" || UNCOVERED.some(({ steps }) => steps.test(step.step))) continue;
      if (step.target === "api") await meetApi(fake, step, where);
      else meetProxy(fake, run, step, where);
      covered[step.target === "api" ? "api" : "proxy"] += 1;
    }
    const recorded = run.steps.filter(({ target }) => target === "api").length;
    expect(covered.api).toBe(recorded);
    expect(covered.proxy).toBeGreaterThan(10);
  });
});

async function meetApi(fake: FakeVulcand, step: RecordedStep, where: string): Promise<void> {
  const { status, answer } = await ask(fake.url, step);
  expect(status, where).toBe(step.status);
  if (step.status === null || STATISTICS.test(step.step)) return;
  expect(shape(answer), where).toEqual(shape(step.answer ?? ""));
}

async function ask(url: string, step: RecordedStep) {
  const init: RequestInit = { method: step.method, headers: { "content-type": step.type ?? "" } };
  if (step.body !== undefined) init.body = new TextEncoder().encode(step.body);
  try {
    const response = await fetch(`${url}${step.path}`, init);
    return { status: response.status, answer: await response.text() };
  } catch {
    return { status: null, answer: "" };
  }
}

/** Without what can't be the same: etcd's indices and paths, ids made of them, and Go's print of a struct in a message. */
function shape(answer: string): unknown {
  if (answer === "") return "";
  const body = JSON.parse(answer.replace(/"0{15,}\d+"/g, '"in order"')) as unknown;
  if (typeof body !== "object" || body === null || !("message" in body)) return body;
  return String(body.message)
    .replace(/\(\/\S*\) \[\d+\]/, "(…) […]")
    .replace(/(it is in use by \[\{\S+) .*/, "$1 …");
}

function meetProxy(fake: FakeVulcand, { upstreams }: RecordedRun, step: RecordedStep, where: string): void {
  const answer = fake.proxy({ host: step.host ?? "", path: step.path, method: step.method });
  expect(answer.status, where).toBe(step.status);
  if (step.status !== 200) return;
  const { server, headers } = JSON.parse(step.answer ?? "") as { server: string; headers: { Host: string } };
  const port = Number(new URL(answer.server ?? "").port);
  expect(upstreams, where).toContain(port);
  // Whose turn it is among several is the proxy's own affair.
  if (!/^round robin/.test(step.step)) expect(`u${upstreams.indexOf(port) + 1}`, where).toBe(server);
  const isOwnHost = headers.Host === step.host;
  expect(answer.host === step.host, where).toBe(isOwnHost);
}
