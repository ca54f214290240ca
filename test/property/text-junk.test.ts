/** Whatever is in a configuration, a recording, a manager's stream, an audit log or a request: a clear word, no exception. */

import { writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openConnections } from "../../adapters/connections.ts";
import { parseFact } from "../../adapters/sources/replay/fact.ts";
import { ManagerError, remoteFacts } from "../../adapters/sources/swarm/remote.ts";
import { schemas } from "../../src/adapters.ts";
import { queryAudit } from "../../src/audit/query.ts";
import { verifyAudit } from "../../src/audit/verify.ts";
import { parseConfig } from "../../src/config.ts";
import { createApi } from "../../src/http/api.ts";
import type { Fact } from "../../src/model.ts";
import { createWorld } from "../../src/world.ts";
import { addressed, assigned, binding, defined, gone, health, node, status, synced } from "../facts.ts";
import { silent } from "../reconciling.ts";
import { logFolder, register } from "../unit/audit-fixture.ts";
import { mutated, noise } from "./junk.ts";

const FACTS: readonly Fact[] = [
  ...[node(), assigned({ inherits: "d1" }), status(), health(), synced(), gone()],
  defined({ labels: { "muster.name": "web" }, ingress: [{ containerPort: 80, hostPort: 81, protocol: "tcp" }] }),
  addressed({ bindings: [binding()], networks: [{ name: "n", address: "10.0.0.2", reach: "overlay" }] }),
];

describe("facts from elsewhere", () => {
  it("are facts that the core can take, or a line says why they are not", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...FACTS).chain(mutated), { minLength: 1, maxLength: 6 }), (all) => {
        const world = createWorld({ sources: ["docker"] });
        for (const one of all) {
          const fact = parseFact(JSON.stringify(one));
          if (typeof fact === "string") expect(fact).toMatch(/^not a fact: [^\n]{1,300}$/);
          else world.join(fact);
        }
        world.join(synced({ clock: 1e9, floor: -1e9 }));
        JSON.stringify([...world.instances()]);
      }),
      { numRuns: 100 },
    );
    fc.assert(
      fc.property(noise, (text) => {
        expect(parseFact(text)).toMatch(/^not /);
      }),
    );
  });
});

describe("a manager's stream", () => {
  let server: Server;
  let body = "";
  beforeAll(async () => {
    server = createServer((_, response) => response.writeHead(200, { "content-type": "text/event-stream" }).end(body));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it("gives facts and notices, and ends with an error that says so", async () => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const connections = openConnections({ keepIdle: 0 });
    const line = fc.oneof(
      noise,
      fc
        .constantFrom(...FACTS)
        .chain(mutated)
        .map((fact) => `data: ${JSON.stringify(fact)}`),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 6 }), async (lines) => {
        body = lines.map((each) => `${each}\n\n`).join("");
        const kinds: string[] = [];
        const listening = async () => {
          const signal = AbortSignal.timeout(5_000);
          for await (const { content } of remoteFacts({ url, node: null, secret: "s", connections }, signal))
            kinds.push(content.kind);
        };
        await expect(listening()).rejects.toThrow(ManagerError);
        expect(kinds.length).toBeLessThanOrEqual(body.length);
      }),
      { numRuns: 25 },
    );
    connections.close();
  });
});

describe("a configuration", () => {
  const full = {
    ...{ cluster: "c", node: { id: "n", address: "10.0.0.1" } },
    sources: {
      ...{ docker: { expose: "labelled" }, marathon: { urls: ["http://m:8080"], resync: "1m" } },
      static: { instances: [{ service: "web", address: "10.0.0.1", port: 80, labels: { a: "b" } }] },
    },
    registries: {
      ...{ consul: { url: "http://c:8500", agents: { h: "http://h:8500" } }, vulcand: { ttl: "30s" } },
      kong: { url: "http://k:8001", headers: { "X-A": { file: "/f" } } },
      alb: { region: "eu-west-1", targetGroups: { web: "web" }, hosts: ["10.0.0.0/8"] },
    },
    policy: {
      resync: "1m",
      massDelete: { max: 1 },
      claims: [{ who: { app: ["swarm:x"] }, hosts: ["*"] }, { paths: ["/"] }],
    },
    ...{ audit: { maxBytes: "1MiB" }, http: { listen: "127.0.0.1:1" }, log: { level: "info" } },
  };

  it("is one, or every problem has a line that names it", () => {
    expect(parseConfig({ text: JSON.stringify(full), file: "m.yaml", env: {}, schemas })).toHaveProperty("config");
    fc.assert(
      fc.property(
        fc.oneof(
          mutated(full).map((json) => JSON.stringify(json) ?? ""),
          noise,
        ),
        (text) => {
          const result = parseConfig({ text, file: "m.yaml", env: {}, schemas });
          if ("config" in result) return;
          expect(result.problems.length).toBeGreaterThan(0);
          for (const problem of result.problems) expect(problem).toMatch(/^[^\n]{5,6000}$/);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("from variables, too", () => {
    const variable = fc.tuple(
      fc.constantFrom(
        "POLICY__CLAIMS",
        "HTTP__LISTEN",
        "REGISTRIES__CONSUL__URL",
        "SOURCES__STATIC__INSTANCES",
        "NODE",
        "X__Y",
      ),
      fc.oneof(noise, fc.json()),
    );
    fc.assert(
      fc.property(fc.array(variable, { maxLength: 4 }), (all) => {
        const env = Object.fromEntries(all.map(([name, value]) => [`MUSTER_${name}`, value]));
        const result = parseConfig({ text: "", file: null, env, schemas });
        expect("config" in result || result.problems.length > 0).toBe(true);
      }),
    );
  });
});

describe("an audit log", () => {
  it("of anything is read without an exception, and nothing that was made up passes for sound", async () => {
    await using folder = await logFolder();
    {
      await using audit = await folder.open();
      await audit.append([register("a"), register("b")]);
    }
    const sound = await folder.lines();
    const record = fc.oneof(
      noise,
      mutated(JSON.parse(sound[0] ?? "")).map((json) => JSON.stringify(json) ?? ""),
    );
    await fc.assert(
      fc.asyncProperty(record, fc.nat(2), async (line, at) => {
        const made = line.replaceAll("\n", "");
        fc.pre(made !== "" && !sound.includes(made));
        await writeFile(
          folder.path,
          sound
            .toSpliced(at, 0, made)
            .map((each) => `${each}\n`)
            .join(""),
        );
        expect((await verifyAudit(folder.path)).ok).toBe(false);
        expect((await queryAudit(folder.path, {})).length).toBeLessThanOrEqual(3);
      }),
      { numRuns: 40 },
    );
  });
});

describe("a request", () => {
  it("of anything to the API is answered in its own way, and never with a failure of ours", async () => {
    const world = createWorld({ sources: ["docker"] });
    const app = createApi({
      agent: {
        ...{ scopes: () => [{ world, reconcilers: [] }], sources: () => world.sources(), audit: () => null },
        ...{ metrics: async () => ({ text: "", contentType: "text/plain" }), unready: () => [], drain: async () => [] },
        ...{ resync() {}, subscribe: () => () => {}, now: () => 0, dryRun: false },
      },
      ...{ token: null, feed: null, log: silent },
    });
    const path = fc.oneof(
      fc.constantFrom(
        "/v1/drain",
        "/v1/audit?since=",
        "/v1/audit?limit=",
        "/v1/explain?of=",
        "/v1/instances/",
        "/v1/instances?state=",
      ),
      fc.constantFrom("/v1/facts", "/v1/instances/%E0%A4%A/ready", "/../v1", "//", "/v1/events"),
    );
    const text = fc
      .string({ unit: "binary", maxLength: 20 })
      .map((raw) => encodeURIComponent(raw.replace(/\p{Cs}/gu, "")));
    await fc.assert(
      fc.asyncProperty(path, text, noise, fc.constantFrom("GET", "POST", "PUT"), async (at, more, sent, method) => {
        const init = method === "GET" ? {} : { body: sent, headers: { "content-type": "application/json" } };
        const answer = await app.request(`http://localhost${at}${more}`, { method, ...init });
        expect(answer.status).not.toBe(500);
        await answer.body?.cancel();
      }),
      { numRuns: 120 },
    );
  });
});
