/** docs/guides/from-registrator.md on a real Consul: at no moment is a service without an entry that passes. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startMuster } from "../e2e/muster.ts";
import { labAvailable } from "../lab/available.ts";
import { type Consul, startConsul } from "../lab/consul.ts";

const run = promisify(execFile);
const { skip } = await labAvailable("consul");
const hasTools = await run("sh", ["-c", "command -v jq && command -v curl"]).then(
  () => true,
  () => false,
);

/** The command that the guide gives to whoever moves. */
async function removal(): Promise<string> {
  const guide = await readFile(new URL("../../docs/guides/from-registrator.md", import.meta.url), "utf8");
  const [, command] = /```sh\n([\s\S]*?)```/.exec(guide) ?? [];
  if (command === undefined) throw new Error("the guide has no command");
  return command;
}

describe.skipIf(skip || !hasTools)("adopting what Registrator has registered", () => {
  let consul: Consul;
  beforeAll(async () => {
    consul = await startConsul();
  });
  afterAll(async () => {
    await consul?.[Symbol.asyncDispose]();
  });

  it("leaves no gap, and nothing of Registrator's, and nobody else's is touched", async () => {
    const register = (id: string, name: string, port: number) =>
      consul.request({
        method: "PUT",
        path: "/v1/agent/service/register",
        body: { ID: id, Name: name, Address: "10.0.0.1", Port: port },
      });
    // As Registrator's ids are (facts/peers.md §3.5).
    await register(`${hostname()}:web.1:8080`, "web", 32_768);
    await register(`${hostname()}:web.2:8080`, "web", 32_769);
    await register(`${hostname()}:dns:53:udp`, "dns", 32_770);
    await register("somebody-else", "other", 1);
    const passing = async (service: string) =>
      (
        (await consul.request({ path: `/v1/health/service/${service}?passing` })) as {
          Service: { ID: string; Port: number };
        }[]
      ).map(({ Service }) => Service);
    let isOver = false;
    let fewest = Number.POSITIVE_INFINITY;
    const watch = (async () => {
      while (!isOver) fewest = Math.min(fewest, new Set((await passing("web")).map(({ Port }) => Port)).size);
    })();

    const muster = await startMuster(`
node: { id: n1, address: 10.0.0.1 }
sources:
  static:
    instances:
      - { service: web, address: 10.0.0.1, port: 32768, labels: { SERVICE_TAGS: blue } }
      - { service: web, address: 10.0.0.1, port: 32769 }
      - { service: dns, address: 10.0.0.1, port: 32770, protocol: udp }
registries: { consul: { url: "${consul.url}" } }
`);
    await muster.ready();
    expect(await passing("web")).toHaveLength(4);
    await run("sh", ["-c", await removal()], { env: { ...process.env, CONSUL: consul.url } });
    isOver = true;
    await watch;

    expect(fewest).toBe(2);
    expect((await passing("web")).map(({ ID }) => ID.startsWith("muster:"))).toEqual([true, true]);
    expect(await passing("dns")).toHaveLength(1);
    expect(await passing("other")).toMatchObject([{ ID: "somebody-else" }]);
    await muster[Symbol.asyncDispose]();
  });
});
