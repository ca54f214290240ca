import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { createStaticSource } from "../../../adapters/sources/static/index.ts";
import { StaticOptions } from "../../../adapters/sources/static/options.ts";
import { type SourceLab, testSource } from "../../conformance/source.ts";
import { createMemoryLog, watchSource } from "../../watch-source.ts";

const NO_NETWORK = "a file is read as a whole: there is no connection, and nothing comes between";

function source(options: v.InferInput<typeof StaticOptions>) {
  const log = createMemoryLog();
  const context = {
    name: "static",
    cluster: "default",
    node: { id: "n1", address: "10.0.0.1" },
    resync: 0,
    log,
    now: Date.now,
    random: Math.random,
  };
  return { log, source: createStaticSource(v.parse(StaticOptions, options), context) };
}

async function folder() {
  const path = await mkdtemp(join(tmpdir(), "muster-static-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

async function openLab(): Promise<SourceLab> {
  const home = await folder();
  const file = join(home.path, "instances.json");
  const ports = new Set<number>();
  let made = 8000;
  const save = () =>
    writeFile(
      file,
      JSON.stringify({ instances: [...ports].map((port) => ({ service: "web", address: "10.0.0.9", port })) }),
    );
  await save();
  return {
    source: source({ file }).source,
    async start() {
      made += 1;
      ports.add(made);
      await save();
      return `web@10.0.0.9:${made}`;
    },
    async end(task) {
      ports.delete(Number(task.split(":")[1]));
      await save();
    },
    running: () => new Set([...ports].map((port) => `web@10.0.0.9:${port}`)),
    [Symbol.asyncDispose]: () => home[Symbol.asyncDispose](),
  };
}

testSource("static", {
  open: openLab,
  skip: {
    "subscribes before listing": NO_NETWORK,
    "reconnects with a new listing": NO_NETWORK,
    "skips garbage": "a broken file is refused as a whole, and its last good state kept (below)",
    "bounds what a slow consumer leaves": "the file is read only when the consumer has taken the last listing",
  },
});

describe("static", () => {
  it("tells inline instances, labels included", async () => {
    const labels = { "muster.route.host": "m.example" };
    const instances = [
      { service: "marathon", address: "10.0.12.5", port: 8080, labels },
      { service: "dns", address: "10.0.12.6", port: 53, protocol: "udp" as const },
    ];
    await using watch = watchSource(source({ instances }).source);
    await watch.until("listing", () => watch.syncs() === 1);
    expect(watch.record("marathon@10.0.12.5:8080")).toMatchObject({
      definition: { name: "marathon", app: "static:marathon", labels },
      addressed: { bindings: [{ hostAddress: "10.0.12.5", hostPort: 8080, containerPort: null, protocol: "tcp" }] },
      assigned: { node: "n1" },
      node: { address: "10.0.0.1" },
      status: "running",
    });
    expect(watch.running()).toContain("dns@10.0.12.6:53/udp");
  });

  it("counts an instance that is declared twice once, and says so", async () => {
    const twin = { service: "web", address: "10.0.0.9", port: 80 };
    await using watch = watchSource(source({ instances: [twin, twin] }).source);
    await watch.until("listing", () => watch.syncs() === 1);
    expect([...watch.running()]).toEqual(["web@10.0.0.9:80"]);
    expect(watch.notices()).toEqual(["static: web@10.0.0.9:80 is declared twice; the last one counts"]);
  });

  it("follows a file that an editor replaces by rename, in both shapes and both languages", async () => {
    await using home = await folder();
    const file = join(home.path, "instances.yaml");
    const replace = async (text: string) => {
      await writeFile(`${file}.new`, text);
      await rename(`${file}.new`, file);
    };
    await replace("instances:\n  - { service: a, address: 10.0.0.1, port: 1 }\n");
    await using watch = watchSource(source({ file }).source);
    await watch.until("the first", () => watch.running().has("a@10.0.0.1:1"));
    await replace("- { service: b, address: 10.0.0.1, port: 2 }\n");
    await watch.until("the second alone", () => [...watch.running()].join() === "b@10.0.0.1:2");
    await replace('[{"service":"a","address":"10.0.0.1","port":1}]');
    await watch.until("the first once more", () => [...watch.running()].join() === "a@10.0.0.1:1");
  });

  it.each([
    ["instances: [", /^static: \S+ is neither YAML nor JSON: /],
    ["", /: expected an object with instances, or a list of them$/],
    ["instance: []", /: instances: is missing$|: instance: unknown key$/],
    ["- { service: a, address: 10.0.0.1 }", /: 0\.port: is missing$/],
    [
      "instances: [{ service: a, address: 10.0.0.1, port: 1 }, { service: b, address: 10.0.0.1, port: 70000 }]",
      /: instances\.1\.port: expected a port number from 1 to 65535$/,
    ],
    ["- { service: a, address: 10.0.0.1, port: 1, weight: 3 }", /: 0\.weight: unknown key$/],
    [
      "- { service: a, address: 10.0.0.1, port: 1, labels: { muster.enable: true } }",
      /: 0\.labels\.muster\.enable: expected a string; quote numbers and booleans$/,
    ],
  ])("keeps the last good state of a broken file and says what is wrong, once: %s", async (text, message) => {
    await using home = await folder();
    const file = join(home.path, "instances.yaml");
    await writeFile(file, "- { service: a, address: 10.0.0.1, port: 1 }");
    const { source: broken, log } = source({ file });
    await using watch = watchSource(broken);
    await watch.until("the good state", () => watch.syncs() === 1);
    await writeFile(file, text);
    await watch.until("the complaint", () =>
      watch.facts.some((fact) => fact.kind === "source" && fact.state === "disconnected"),
    );
    watch.resync();
    watch.resync();
    expect(watch.running()).toEqual(new Set(["a@10.0.0.1:1"]));
    await writeFile(file, "- { service: b, address: 10.0.0.1, port: 2 }");
    await watch.until("the repaired state", () => [...watch.running()].join() === "b@10.0.0.1:2");
    // A file may be seen while it is being written; the complaint about its content is said once.
    const errors = watch.facts.flatMap((fact) => (fact.kind === "source" && fact.error !== null ? [fact.error] : []));
    expect(errors.filter((error) => message.test(error))).toHaveLength(1);
    expect(log.lines.length).toBe(errors.length);
    expect(watch.facts.at(-1)).toMatchObject({ kind: "synced" });
  });

  it("has no listing before the file is there, so that nothing is concluded from its absence", async () => {
    await using home = await folder();
    const file = join(home.path, "instances.yaml");
    await using watch = watchSource(source({ file }).source);
    await watch.until("the complaint", () => watch.facts.length === 1);
    expect(watch.facts[0]).toMatchObject({
      kind: "source",
      state: "disconnected",
      error: `static: cannot read ${file}: no such file`,
    });
    await writeFile(file, "[]");
    await watch.until("an empty listing", () => watch.syncs() === 1);
    expect(watch.running().size).toBe(0);
  });
});
