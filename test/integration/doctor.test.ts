/** `muster doctor` on a real Consul with ACLs and on the fakes of the other systems: each thing that can be wrong, named with its fix. */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Finding } from "../../src/model.ts";
import { runMuster } from "../cli.ts";
import { type FaultProxy, startFaultProxy } from "../conformance/proxy.ts";
import { type FakeElb, startFakeElb } from "../fakes/alb/server.ts";
import { type FakeEngine, startFakeEngine } from "../fakes/docker-engine.ts";
import { type FakeKong, startFakeKong } from "../fakes/kong/kong.ts";
import { startFakeVulcand } from "../fakes/vulcand/server.ts";
import { labAvailable } from "../lab/available.ts";
import { type Consul, startConsul } from "../lab/consul.ts";
import { startMarathon } from "../lab/marathon/marathon.ts";
import { until } from "../lab/wait.ts";
import { addMachine, CREDENTIALS, MACHINE, useCredentials } from "./alb-harness.ts";

useCredentials();
const { skip } = await labAvailable("consul");

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-doctor-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function secret(name: string, content: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, `${content}\n`, { mode: 0o600 });
  return file;
}

interface Result {
  readonly code: number;
  readonly out: string;
  readonly findings: (system: string) => Readonly<Record<string, Finding>>;
}

async function doctor(yaml: string): Promise<Result> {
  const file = join(folder, "muster.yaml");
  await writeFile(file, `node: { id: n1, address: 10.0.0.1 }\naudit: { path: ${folder}/audit.jsonl }\n${yaml}`);
  const { code, out, err } = await runMuster(["doctor", "-c", file, "--json"]);
  expect(err).toBe("");
  const { systems, ok } = JSON.parse(out) as {
    ok: boolean;
    systems: readonly { system: string; findings: readonly Finding[] }[];
  };
  expect(ok).toBe(code === 0);
  return {
    ...{ code, out },
    findings: (system) =>
      Object.fromEntries(
        systems
          .filter((each) => each.system === system)
          .flatMap(({ findings }) => findings.map((one) => [one.what, one])),
      ),
  };
}

const levels = (findings: Readonly<Record<string, Finding>>) =>
  Object.fromEntries(Object.entries(findings).map(([what, { level }]) => [what, level]));

describe("Muster itself", () => {
  it("names secret files that anybody can read, and those that are not there", async () => {
    const open = await secret("open", "token-in-open-file");
    await chmod(open, 0o644);
    const { code, out, findings } = await doctor(`sources: { static: {} }
http: { tokenFile: ${open} }
registries: { consul: { url: "http://127.0.0.1:1", tokenFile: ${folder}/none } }`);
    expect(code).toBe(1);
    const own = findings("muster");
    expect(own["http.tokenFile"]).toMatchObject({ level: "warning", fix: "chmod o-r it" });
    expect(own["registries.consul.tokenFile"]).toMatchObject({
      level: "problem",
      text: `${folder}/none: no such file`,
      fix: "make it, or name another",
    });
    expect(own["audit.path"]?.level).toBe("ok");
    expect(out).not.toContain("token-in-open-file");
  });

  it("says where the audit log can't be made", async () => {
    const file = join(folder, "muster.yaml");
    await writeFile(
      file,
      `node: { id: n1, address: 10.0.0.1 }\nsources: { static: {} }\naudit: { path: ${folder}/no/log }\n`,
    );
    const { code, out } = await runMuster(["doctor", "-c", file]);
    expect(code).toBe(1);
    expect(out).toContain(`  PROBLEM  audit.path: ${folder}/no/log: its folder does not exist; fix: make the folder`);
    expect(out).toMatch(/\n1 problem, 0 warnings\n$/);
  });
});

describe.skipIf(skip)("Consul", () => {
  let consul: Consul;
  let proxy: FaultProxy;
  beforeAll(async () => {
    consul = await startConsul({ acl: true });
    proxy = await startFaultProxy({ target: consul.url });
  });
  afterAll(async () => {
    await proxy?.[Symbol.asyncDispose]();
    await consul?.[Symbol.asyncDispose]();
  });

  const examine = async (rules: string | null, more = "") => {
    const token = rules === null ? "" : `, tokenFile: ${await secret("t", await consul.makeToken(rules))}`;
    return await doctor(`sources: { static: {} }\nregistries: { consul: { url: "${proxy.url}"${token}${more} } }`);
  };

  it("is fine with a token that may do all, and nothing is written to find out", async () => {
    const { code, findings } = await examine(
      `service_prefix "" { policy = "write" } key_prefix "" { policy = "write" } session_prefix "" { policy = "write" }
       agent_prefix "" { policy = "read" } node_prefix "" { policy = "write" }`,
      ", catalog: true",
    );
    expect(code).toBe(0);
    expect(levels(findings("consul"))).toEqual({
      ...{ reached: "ok", clock: "ok", leader: "ok", version: "ok", token: "ok" },
      ...{ "service:write": "ok", "service:read": "ok", "key:write": "ok", "session:write": "ok" },
      ...{ "node:write": "ok", "node:read": "ok" },
    });
    expect(findings("consul")["version"]?.text).toMatch(/^1\.\d+\.\d+/);
    expect(proxy.mutations.map(({ path }) => path)).toEqual(["/v1/internal/acl/authorize"]);
  });

  it("names each permission that the token lacks, with the rule to add", async () => {
    const { code, findings } = await examine('service_prefix "" { policy = "read" }', ", catalog: true");
    expect(code).toBe(1);
    const found = findings("consul");
    expect(levels(found)).toMatchObject({
      ...{ version: "ok", "service:read": "ok", "service:write": "warning", "key:write": "warning" },
      "node:write": "problem",
    });
    expect(found["service:write"]?.fix).toBe('add to the token\'s policy: service_prefix "" { policy = "write" }');
    expect(found["key:write"]?.fix).toContain('key "muster/default/leader"');
  });

  it("names a token that is not valid, and one that is missing", async () => {
    const file = await secret("bad", "00000000-0000-0000-0000-00000000dead");
    const wrong = await doctor(
      `sources: { static: {} }\nregistries: { consul: { url: "${consul.url}", tokenFile: ${file} } }`,
    );
    expect(wrong.code).toBe(1);
    expect(wrong.findings("consul")["token"]).toMatchObject({
      level: "problem",
      fix: `write a valid token into ${file}`,
    });
    expect(wrong.out).not.toContain("00000000dead");
    const none = await examine(null);
    expect(none.findings("consul")["service:write"]?.level).toBe("warning");
  });

  it("needs no token where ACLs are off", async () => {
    await using plain = await startConsul();
    const { code, findings } = await doctor(`sources: { static: {} }\nregistries: { consul: { url: "${plain.url}" } }`);
    expect(code).toBe(0);
    expect(findings("consul")["token"]).toMatchObject({ level: "ok", text: expect.stringContaining("ACLs are off") });
  });
});

describe("Kong", () => {
  let kong: FakeKong;
  beforeEach(async () => {
    kong = await startFakeKong();
  });
  afterEach(() => kong[Symbol.asyncDispose]());
  const yaml = (more = "") => `sources: { static: {} }\nregistries: { kong: { url: "${kong.url}"${more} } }`;

  it("is fine, and left as it was", async () => {
    const before = JSON.stringify(Object.entries(kong.world.store).map(([kind, rows]) => [kind, rows.size]));
    const { code, findings } = await doctor(yaml());
    expect(code).toBe(0);
    expect(findings("kong")["version"]?.text).toBe("3.4.2, with a database");
    expect(Object.keys(findings("kong"))).toEqual([
      ...["reached", "clock", "version", "database", "GET /upstreams", "GET /services", "GET /routes"],
      ...["POST /upstreams", "PATCH /upstreams", "DELETE /upstreams"],
    ]);
    expect(JSON.stringify(Object.entries(kong.world.store).map(([kind, rows]) => [kind, rows.size]))).toBe(before);
  });

  it("names what a proxy or RBAC does not allow, and a database that is away", async () => {
    kong.fault(({ method }) => (method === "GET" ? null : { kind: "status", status: 403, body: { message: "no" } }));
    const { code, findings } = await doctor(yaml());
    expect(code).toBe(1);
    expect(levels(findings("kong"))).toMatchObject({
      ...{ "GET /routes": "ok", "POST /upstreams": "problem", "DELETE /upstreams": "problem" },
    });
    expect(findings("kong")["POST /upstreams"]?.fix).toContain("allow POST /upstreams");
    kong.fault(null);
    kong.database("down");
    expect((await doctor(yaml())).findings("kong")).toMatchObject({ reached: { level: "problem" } });
  });

  it("names a configuration that does not fit: a database, none, too old", async () => {
    const wrong = await doctor(yaml(", dbless: {}"));
    expect(wrong.findings("kong")["version"]).toMatchObject({
      level: "problem",
      text: expect.stringContaining("has a database"),
    });
    await using dbless = await startFakeKong({ dbless: true });
    const fine = await doctor(`sources: { static: {} }\nregistries: { kong: { url: "${dbless.url}", dbless: {} } }`);
    expect(fine.code).toBe(0);
    expect(Object.keys(fine.findings("kong"))).toEqual(["reached", "clock", "version", "GET /config", "POST /config"]);
    expect(dbless.world.config.text).toBe("");
  });

  it("tells a clock that is wrong", async () => {
    const { createServer } = await import("node:http");
    const old = createServer((_request, response) => {
      response.setHeader("date", new Date(Date.now() - 60_000).toUTCString());
      response.end(JSON.stringify({ version: "1.5.0", configuration: { database: "postgres" } }));
    });
    await new Promise<void>((resolve) => old.listen(0, "127.0.0.1", resolve));
    const { port } = old.address() as { port: number };
    const { findings } = await doctor(
      `sources: { static: {} }\nregistries: { kong: { url: "http://127.0.0.1:${port}" } }`,
    );
    old.closeAllConnections();
    old.close();
    expect(findings("kong")["clock"]).toMatchObject({
      level: "problem",
      text: expect.stringMatching(/^(?:59|60) s behind ours$/),
    });
    expect(findings("kong")["version"]).toMatchObject({
      level: "problem",
      text: "Kong 1.5.0 is too old: Muster needs 2.0 or later",
    });
  });
});

describe("Vulcand", () => {
  it.each(["0.9.2-etcd3", "0.9.2-etcd2", "0.8.0-beta.3-etcd2"] as const)(
    "%s is fine, and left as it was",
    async (dialect) => {
      await using vulcand = await startFakeVulcand(dialect);
      const yaml = `sources: { static: {} }\nregistries: { vulcand: { url: "${vulcand.url}" } }`;
      const { code, findings } = await doctor(yaml);
      expect(code).toBe(0);
      expect(findings("vulcand")["DELETE /v2/backends"]?.level).toBe("ok");
      expect(vulcand.store.dump()).toEqual({});
      vulcand.fault = ({ method }) =>
        method === "DELETE" ? { kind: "status", status: 403, message: "denied" } : undefined;
      const denied = await doctor(yaml);
      expect(denied.code).toBe(1);
      expect(denied.findings("vulcand")["DELETE /v2/backends"]?.level).toBe("problem");
    },
  );
});

describe("ALB", () => {
  let elb: FakeElb;
  beforeEach(async () => {
    elb = await startFakeElb();
    addMachine(elb);
    elb.world.addGroup({ name: "web" });
    elb.world.addGroup({ name: "api", type: "ip", tags: { "muster:cluster": "default" } });
  });
  afterEach(() => elb[Symbol.asyncDispose]());
  const LISTENER =
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shop/0123456789abcdef/0123456789abcdef";
  const yaml = (more = "") => `sources: { static: {} }
registries: { alb: { region: ${elb.region}, endpoint: "${elb.url}", instanceId: ${MACHINE}, targetGroups: { web: web }${more} } }`;

  it("is fine, with each permission by name, and left as it was", async () => {
    const { code, findings } = await doctor(yaml());
    expect(code).toBe(0);
    expect(levels(findings("alb"))).toEqual({
      ...{ reached: "ok", clock: "ok", credentials: "ok", "target group web": "ok", "instance id": "ok" },
      ...{ DescribeTargetGroups: "ok", DescribeTags: "ok", DescribeTargetHealth: "ok" },
      ...{ RegisterTargets: "ok", DeregisterTargets: "ok" },
    });
    expect([...elb.world.groups.values()].flatMap(({ targets }) => [...targets.keys()])).toEqual([]);
  });

  it("has rules' permissions where rules are on, and makes none", async () => {
    const { findings } = await doctor(yaml(`, rules: { listeners: [ "${LISTENER}" ] }`));
    for (const action of ["CreateRule", "ModifyRule", "SetRulePriorities", "DeleteRule"]) {
      expect(elb.count(action)).toBe(1);
      expect(findings("alb")).toHaveProperty(action);
    }
  });

  const MAKING = ["DescribeTargetGroupAttributes", "CreateTargetGroup", "ModifyTargetGroup"].concat(
    ...["ModifyTargetGroupAttributes", "DeleteTargetGroup"],
  );
  const making = `, rules: { listeners: [ "${LISTENER}" ], groups: { vpc: vpc-0123456789abcdef0 } }`;

  it("has the permissions to make groups where Muster makes them, and leaves none behind", async () => {
    const before = structuredClone([...elb.world.groups.values()]);
    const { findings } = await doctor(yaml(making));
    expect(levels(findings("alb"))).toMatchObject(Object.fromEntries(MAKING.map((action) => [action, "ok"])));
    expect([...elb.world.groups.values()]).toEqual(before);
    expect([...elb.world.tags.values()].flatMap((tags) => [...tags.values()])).not.toContain("muster-doctor");
  });

  it.each(MAKING)(
    "names %s if it is denied where Muster makes groups, and does not ask where it makes none",
    async (action) => {
      elb.refuse(action, { code: "AccessDenied", message: "User is not authorized", status: 403 });
      const { code, findings } = await doctor(yaml(making));
      expect(code).toBe(1);
      expect(findings("alb")[action]).toMatchObject({
        level: "problem",
        fix: expect.stringContaining(`allow elasticloadbalancing:${action} on groups of Muster's making`),
      });
      expect((await doctor(yaml())).findings("alb")).not.toHaveProperty(action);
    },
  );

  it("names the permission to tag where that is what is missing to make a group", async () => {
    const message = "User: x is not authorized to perform: elasticloadbalancing:AddTags on resource: y";
    elb.refuse("CreateTargetGroup", { code: "AccessDenied", message, status: 403 });
    const { findings } = await doctor(yaml(making));
    expect(findings("alb")["CreateTargetGroup"]?.fix).toContain("allow elasticloadbalancing:AddTags on");
  });

  it.each(["DescribeTargetHealth", "RegisterTargets", "DeregisterTargets"])(
    "names %s if it is denied",
    async (action) => {
      elb.refuse(action, { code: "AccessDenied", message: "User is not authorized", status: 403 });
      const { code, findings } = await doctor(yaml());
      expect(code).toBe(1);
      expect(findings("alb")[action]).toMatchObject({
        level: "problem",
        fix: expect.stringContaining(`allow elasticloadbalancing:${action} on`),
      });
    },
  );

  it("does without DescribeTags, and says what that means", async () => {
    elb.refuse("DescribeTags", { code: "AccessDenied", status: 403 });
    const { code, findings } = await doctor(yaml());
    expect(code).toBe(0);
    expect(findings("alb")["DescribeTags"]).toMatchObject({ level: "warning" });
  });

  it("tells wrong credentials from a missing permission, and a group that is not there", async () => {
    elb.refuse(
      "DescribeTargetGroups",
      { code: "InvalidClientTokenId", message: "The token is invalid", status: 403 },
      1,
    );
    const wrong = await doctor(yaml());
    expect(levels(wrong.findings("alb"))).toEqual({ reached: "ok", clock: "ok", credentials: "problem" });
    expect(wrong.out).not.toContain(CREDENTIALS.AWS_SECRET_ACCESS_KEY);
    const { findings } = await doctor(yaml().replace("web: web", "web: nowhere"));
    expect(findings("alb")["target group nowhere"]).toMatchObject({ level: "problem" });
  });
});

describe("Docker", () => {
  let engine: FakeEngine;
  beforeEach(async () => {
    engine = await startFakeEngine();
    await chmod(engine.socket, 0o660);
  });
  afterEach(() => engine[Symbol.asyncDispose]());
  const yaml = () => `sources: { docker: { host: "${engine.host}" } }`;

  it("is fine, asks for everything that Muster reads, and leaves no stream behind", async () => {
    engine.run();
    const { code, findings } = await doctor(yaml());
    expect(code).toBe(0);
    expect(Object.keys(findings("docker"))).toEqual([
      ...["socket", "reached", "version", "clock"],
      ...["GET /containers/json", "GET /containers/{id}/json", "GET /networks", "GET /events"],
    ]);
    expect(engine.hits).toMatchObject({ inspect: 1, events: 1 });
  });

  it("warns of a socket that everybody may write to", async () => {
    await chmod(engine.socket, 0o666);
    const { code, findings } = await doctor(yaml());
    expect(code).toBe(0);
    expect(findings("docker")["socket"]).toMatchObject({ level: "warning", fix: `chmod o-rw ${engine.socket}` });
  });

  it("names what a socket proxy does not allow", async () => {
    engine.fail("networks", 403, 9);
    const { code, findings } = await doctor(yaml());
    expect(code).toBe(1);
    expect(findings("docker")["GET /networks"]).toMatchObject({ level: "problem" });
    expect(findings("docker")["GET /events"]?.level).toBe("ok");
  });

  const GATE = { labels: { "muster.stop-gate": "sigterm" } };

  it("asks for the right to end a container only where one has a stop gate, and ends none", async () => {
    const id = engine.run(GATE);
    const { code, findings } = await doctor(yaml());
    expect(code).toBe(0);
    expect(findings("docker")["POST /containers/{id}/kill"]?.level).toBe("ok");
    expect(engine.hits.kill).toBe(1);
    expect(engine.killed).toEqual([]);
    expect([...engine.running().keys()]).toEqual([id]);
  });

  it("names that right where a socket proxy refuses it", async () => {
    engine.run(GATE);
    engine.fail("kill", 405, 9);
    const { code, findings } = await doctor(yaml());
    expect(code).toBe(1);
    expect(findings("docker")["POST /containers/{id}/kill"]).toMatchObject({
      level: "problem",
      fix: expect.stringContaining("STOP_GATE=on"),
    });
  });

  it("says that there is no socket, once", async () => {
    await engine.down();
    const { code, findings } = await doctor(yaml());
    expect(code).toBe(1);
    expect(Object.keys(findings("docker"))).toEqual(["socket"]);
  });
});

describe("Marathon", () => {
  it("is asked at every URL, with its version, leader and rights", async () => {
    await using marathon = await startMarathon({ nodes: 2, version: "1.8" });
    const urls = JSON.stringify(marathon.urls);
    const { code, findings } = await doctor(`sources: { marathon: { urls: ${urls} } }`);
    expect(code).toBe(0);
    expect(Object.keys(findings("marathon"))).toEqual([
      ...["reached", "clock", "version", "GET /v2/apps", "GET /v2/pods", "GET /v2/events"],
    ]);
    await until(() => marathon.streams() === 0, { timeoutMs: 5_000, what: "the stream to be closed" });
  });

  it("names credentials that are missing or wrong, and a Marathon that is away", async () => {
    await using marathon = await startMarathon({ credentials: { username: "muster", password: "right-password" } });
    const [url = ""] = marathon.urls;
    const none = await doctor(`sources: { marathon: { urls: [ "${url}" ] } }`);
    expect(none.findings("marathon")["GET /v2/apps"]).toMatchObject({
      level: "problem",
      fix: "Marathon wants credentials: set username and passwordFile, or tokenFile",
    });
    const file = await secret("password", "wrong-password");
    const wrong = await doctor(
      `sources: { marathon: { urls: [ "${url}" ], username: muster, passwordFile: ${file} } }`,
    );
    expect(wrong.code).toBe(1);
    expect(wrong.out).not.toContain("wrong-password");
    await writeFile(file, "right-password\n");
    const right = await doctor(
      `sources: { marathon: { urls: [ "${url}", "http://127.0.0.1:1" ], username: muster, passwordFile: ${file} } }`,
    );
    expect(right.findings("marathon")).toMatchObject({
      reached: { level: "problem", text: expect.stringContaining("127.0.0.1:1") },
      "GET /v2/events": { level: "ok" },
    });
  });
});
