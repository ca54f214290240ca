/** `muster plan` in a cluster: what the leader does is planned on the leader alone. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { PlanReport } from "../../src/dry-run/report.ts";
import { runMuster } from "../cli.ts";
import { type FakeKong, startFakeKong } from "../fakes/kong/kong.ts";
import {
  type FakeNode,
  type FakeSwarm,
  MANAGER,
  service,
  startFakeSwarm,
  task,
  WORKER,
} from "../fakes/swarm-engine.ts";

let folder: string;
let engine: FakeSwarm;
let kong: FakeKong;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-plan-"));
  [engine, kong] = await Promise.all([startFakeSwarm(MANAGER), startFakeKong()]);
  engine.services = [service("s1", 1, { "muster.route.host": "shop.example" })];
  engine.tasks = [task("t1", "n2")];
  engine.nodes = [manager("n1", true), { ID: "n2", Status: { State: "ready", Addr: "10.0.0.2" } }];
});
afterEach(async () => {
  await Promise.all([engine[Symbol.asyncDispose](), kong[Symbol.asyncDispose]()]);
  await rm(folder, { recursive: true, force: true });
});

function manager(id: string, isLeader: boolean, Reachability = "reachable"): FakeNode {
  return { ID: id, Status: { State: "ready", Addr: "10.0.0.1" }, ManagerStatus: { Leader: isLeader, Reachability } };
}

async function plan(args: readonly string[] = []) {
  const file = join(folder, "muster.yaml");
  await writeFile(
    file,
    `
node: { id: n1, address: 10.0.0.1 }
sources: { docker: { host: "unix://${engine.socket}" }, swarm: {} }
registries: { kong: { url: "${kong.url}" } }
audit: { path: "${folder}/audit.jsonl" }
`,
  );
  return await runMuster(["plan", "-c", file, ...args]);
}

async function report(): Promise<PlanReport> {
  const { out } = await plan(["--json"]);
  return JSON.parse(out) as PlanReport;
}

const scopes = ({ registries }: PlanReport) => registries.map(({ registry, scope }) => `${registry} ${scope}`);

it("the swarm's leader plans both its node's part and the leader's", async () => {
  const told = await report();
  expect([scopes(told), told.standby]).toEqual([["kong node", "kong cluster"], null]);
});

it.each<[string, () => void, string]>([
  ["a worker", () => (engine.role = WORKER), "this node is a worker of the swarm"],
  [
    "another manager",
    () => (engine.nodes = [manager("n1", false), manager("n2", true)]),
    "another manager is the swarm's leader",
  ],
  [
    "a leader that is cut off",
    () => (engine.nodes = [manager("n1", true), manager("n2", false, "unreachable")]),
    "this node is the swarm's leader, but reaches no majority of the managers",
  ],
])("%s plans its own part only, and says why", async (_who, make, why) => {
  make();
  const told = await report();
  expect([scopes(told), told.standby]).toEqual([["kong node"], why]);
  expect(kong.writes()).toEqual([]);
});

it("a person is told as well", async () => {
  engine.nodes = [manager("n1", false)];
  const { out } = await plan();
  expect(out).toContain("another manager is the swarm's leader: the leader's part is planned on the leader\n");
});

it("who can't tell who leads plans its own part only, with the reason", async () => {
  engine.failure = { status: 500, message: "The swarm does not have a leader." };
  const told = await report();
  expect(scopes(told)).toEqual(["kong node"]);
  expect(told.standby).toMatch(/^who leads can't be told: swarm: .* does not have a leader/);
});
