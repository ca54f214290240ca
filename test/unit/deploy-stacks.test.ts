/** deploy/swarm: what can be said of the stacks without an engine. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isSecretKey, looksSecret } from "../../src/labels/secrets.ts";
import { readLabels } from "../../src/labels.ts";
import { parseDuration } from "../../src/schema.ts";
import { version } from "../../src/version.ts";
import { allServices, DEPLOY, interpolate, readStack, type Service, secretNames, stackNames } from "./deploy-stack.ts";

const services = allServices();
/** They serve nothing: a job ends, the worker only calls others. */
const SERVE_NOTHING = ["platform/consul-acl", "platform/kong-migrations", "voting-app/worker"];

function labelsOf({ deploy }: Service) {
  return readLabels({ labels: {}, defaults: deploy.labels ?? {}, environment: {} });
}

function service(id: string): Service {
  const found = services.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no service ${id}`);
  return found;
}

describe("the stacks", () => {
  it("are the platform and the seeds' applications", () => {
    expect(new Set(stackNames)).toEqual(new Set(["nk-microservices", "ping-pong", "platform", "voting-app", "web"]));
  });

  it.each(stackNames)("%s: variables are asked for in a way that the CLI understands", (name) => {
    const lines = readStack(name).text.split("\n");
    const asking = lines.filter((line) => line.includes(":?"));
    // A dash in the message makes the CLI take the rest for a default; a second variable in one value hides the error.
    for (const line of asking) {
      expect(/:\?([^}]*)\}/.exec(line)?.[1]).not.toContain("-");
      expect(line.split("${")).toHaveLength(2);
    }
    expect(interpolate(lines.join("\n"))).not.toMatch(/\$\{/);
  });

  it("name every configuration and secret that their services use, and use all that they name", () => {
    for (const name of stackNames) {
      const stack = readStack(name);
      const own = Object.values(stack.services);
      const used = {
        configs: own.flatMap(({ configs = [] }) => configs.map(({ source }) => source)),
        secrets: own.flatMap(secretNames),
        networks: own.flatMap(({ networks = [] }) => networks),
      };
      for (const kind of ["configs", "secrets", "networks"] as const)
        expect(new Set(used[kind]), `${name}: ${kind}`).toEqual(new Set(Object.keys(stack[kind])));
      for (const { file, name: versioned } of Object.values(stack.configs)) {
        expect(readFileSync(`${DEPLOY}swarm/${file}`, "utf8")).not.toBe("");
        expect(versioned, "Swarm changes no configuration in place").toMatch(/-1$/);
      }
    }
  });

  it("use only secrets that secrets.sh makes", () => {
    const script = readFileSync(`${DEPLOY}swarm/secrets.sh`, "utf8");
    const wanted = stackNames.flatMap((name) => Object.keys(readStack(name).secrets));
    for (const secret of wanted) expect(script).toMatch(new RegExp(`\\b${secret}\\b`));
  });
});

describe.each(services)("$id", (one) => {
  it("has a pinned image, limits, and starts again", () => {
    expect(one.image).toMatch(/^[a-z0-9./-]+:v?\d+\.\d+(\.\d+)?(-[a-z0-9.]+)?$/);
    expect(one.deploy.resources?.limits).toEqual({
      cpus: expect.stringMatching(/^\d\.\d\d$/),
      memory: expect.stringMatching(/^\d+[MG]$/),
    });
    expect(one.deploy.restart_policy?.condition).toMatch(/^(any|on-failure)$/);
  });

  it("is checked where it serves, and is placed", () => {
    expect(one.healthcheck === undefined).toBe(SERVE_NOTHING.includes(one.id));
    if (one.deploy.placement === undefined) expect(one.deploy.mode).toBe("global");
  });

  it("has no secret in its environment, and the secrets that its files are", () => {
    const environment = Object.entries(one.environment ?? {});
    for (const [key, value] of environment) {
      if (isSecretKey(key)) expect(value, key).toMatch(/^\/run\/secrets\/\w+$/);
      expect(looksSecret(value), key).toBe(false);
    }
    const files = environment.flatMap(([, value]) => /^\/run\/secrets\/(\w+)$/.exec(value)?.[1] ?? []);
    for (const file of files) expect(secretNames(one)).toContain(file);
  });

  it("has labels that Muster reads without a complaint, and a name if it has any", () => {
    const { problems, task } = labelsOf(one);
    expect(problems).toEqual([]);
    if (one.deploy.labels !== undefined) expect(task.name).not.toBeNull();
  });
});

describe("what is exposed", () => {
  it("is in the registries by a name of its own, and every route has one owner", () => {
    const labelled = services.filter(({ deploy }) => deploy.labels !== undefined).map(labelsOf);
    const names = labelled.map(({ task }) => task.name);
    const routes = labelled.flatMap(({ task }) =>
      task.routes.flatMap(({ hosts, paths }) =>
        hosts.flatMap((host) => (paths.length === 0 ? ["/"] : paths).map((path) => host + path)),
      ),
    );

    expect(new Set(names).size).toBe(names.length);
    expect(new Set(routes).size).toBe(routes.length);
    expect(routes).toEqual(expect.arrayContaining(["web.service.consul/", "ping-pong.service.consul/start"]));
  });

  it("publishes the ports that it registers", () => {
    for (const { id, ports = [], deploy } of services) expect(ports.length > 0, id).toBe(deploy.labels !== undefined);
  });

  it("is of nk-microservices the gateway alone, and nothing of it is on a manager", () => {
    const { services: own } = readStack("nk-microservices");
    const open = Object.entries(own).filter(([, { ports }]) => ports !== undefined);
    const constraints = Object.fromEntries(
      Object.entries(own).map(([name, { deploy }]) => [name, deploy.placement?.constraints]),
    );

    expect(open.map(([name]) => name)).toEqual(["nk-gateway"]);
    const on = (workload: string) => [`node.labels.workload == ${workload}`, "node.role == worker"];
    expect(constraints).toEqual({
      "nk-gateway": on("service"),
      "nk-backend": on("service"),
      "person-db": on("database"),
      redis: on("database"),
    });
    expect([own["nk-gateway"]?.deploy.replicas, own["nk-backend"]?.deploy.replicas]).toEqual([2, 2]);
  });

  it("is the engine's socket to engine-proxy alone, read-only and without network", () => {
    const withSocket = services.filter(({ volumes = [] }) => volumes.some((volume) => volume.includes("docker.sock")));

    expect(withSocket.map(({ id }) => id)).toEqual(["platform/engine-proxy"]);
    const [proxy] = withSocket;
    expect(proxy?.volumes).toContain("/var/run/docker.sock:/var/run/docker.sock:ro");
    expect(proxy).toMatchObject({ read_only: true, cap_drop: ["ALL"], networks: ["nobody"] });
    expect(readStack("platform").networks["nobody"]).toMatchObject({ internal: true });
    expect(services.filter(({ networks = [] }) => networks.includes("nobody"))).toHaveLength(1);
    expect(proxy?.ports).toBeUndefined();
  });
});

describe("Muster's own service", () => {
  const muster = service("platform/muster");

  it("is this version, global, without rights, and publishes nothing", () => {
    expect(muster.image).toBe(`registry.example.com/muster:${version()}`);
    expect(muster).toMatchObject({ read_only: true, cap_drop: ["ALL"], user: "65532:65532" });
    expect(muster.deploy.mode).toBe("global");
    expect(muster.ports).toBeUndefined();
    expect(muster.healthcheck?.test).toEqual(["CMD", "muster", "health"]);
  });

  it("has time for an orderly stop, one node after the other, and goes back if the new one fails", () => {
    expect(parseDuration(muster.stop_grace_period ?? "")).toBeGreaterThan(10_000);
    expect(muster.deploy.update_config).toMatchObject({
      parallelism: 1,
      order: "stop-first",
      failure_action: "rollback",
    });
    expect(muster.deploy.rollback_config).toMatchObject({ parallelism: 1, order: "stop-first" });
  });
});
