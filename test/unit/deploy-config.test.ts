/** Muster's configurations in deploy/, its Marathon apps, and what watches it, read by what reads them in earnest. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { readApp } from "../../adapters/sources/marathon/apps.ts";
import { parseInstances } from "../../adapters/sources/static/file.ts";
import { schemas } from "../../src/adapters.ts";
import { type Config, parseConfig } from "../../src/config.ts";
import { readLabels } from "../../src/labels.ts";
import { createMetrics } from "../../src/metrics.ts";
import { version } from "../../src/version.ts";
import { DEPLOY, readStack, secretNames } from "./deploy-stack.ts";

function read(file: string): string {
  return readFileSync(`${DEPLOY}${file}`, "utf8");
}

function configOf(file: string, env: Record<string, string> = {}): Config {
  const result = parseConfig({ text: read(file), file, env, schemas });
  if ("problems" in result) throw new Error(result.problems.join("\n"));
  return result.config;
}

/** The paths in a configuration that lead into a folder. */
function filesIn(config: Config, folder: string): ReadonlySet<string> {
  return new Set(JSON.stringify(config.effective).match(new RegExp(`(?<=${folder}/)[\\w.-]+`, "g")));
}

function problemsOf(labels: Readonly<Record<string, string>>): readonly string[] {
  return readLabels({ labels, defaults: {}, environment: {} }).problems;
}

describe("Muster on Swarm", () => {
  const { services, configs } = readStack("platform");
  const muster = services["muster"];
  const config = configOf("swarm/config/muster.yaml");

  it("is given the configuration that its variable names, and the secrets that this names", () => {
    const mounted = muster?.configs?.find(({ target }) => target === muster.environment?.["MUSTER_CONFIG"]);
    expect(configs[mounted?.source ?? ""]?.file).toBe("config/muster.yaml");
    expect(filesIn(config, "/run/secrets")).toEqual(new Set(secretNames(muster ?? fail())));
  });

  it("asks services of the stack on a network of theirs", () => {
    const urls = JSON.stringify(config.effective).match(/tasks\.[a-z-]+/g) ?? [];
    for (const name of urls.map((url) => url.replace("tasks.", "")))
      expect(services[name]?.networks, name).toEqual(expect.arrayContaining(["control"]));
    expect(new Set(urls)).toEqual(new Set(["tasks.muster", "tasks.kong", "tasks.vulcand"]));
    expect(muster?.networks).toEqual(["control"]);
  });

  it("keeps what it writes in its volume, and stops in the time that it is given", () => {
    expect(config.audit.path).toMatch(/^\/var\/lib\/muster\//);
    expect(muster?.volumes).toContain("muster:/var/lib/muster");
    expect(muster?.volumes).toContain("engine:/run/engine:ro");
    expect(config.sources["docker"]).toMatchObject({ host: "unix:///run/engine/docker.sock", expose: "labelled" });
    expect(config.policy.onExit).toBe("keep");
  });

  it("turns ALB on with what platform.aws.yaml adds", () => {
    const { services: more } = parse(read("swarm/platform.aws.yaml")) as {
      services: Record<string, { environment: Record<string, string> }>;
    };
    const [name = ""] = Object.keys(more["muster"]?.environment ?? {});
    const { registries } = configOf("swarm/config/muster.yaml", { [name]: "eu-west-1" });

    expect(registries["alb"]).toMatchObject({ region: "eu-west-1" });
    expect(Object.keys(config.registries)).toEqual(expect.arrayContaining(["consul", "kong", "vulcand"]));
    expect(config.registries).not.toHaveProperty("alb");
  });
});

describe("Muster on Marathon", () => {
  const apps = ["muster", "muster-static", "web"].map((name) => {
    const json = JSON.parse(read(`marathon/${name}.json`)) as Record<string, unknown>;
    const app = readApp({ ...json, version: "2026-01-01T00:00:00.000Z" });
    return { name, json, definition: app?.definitions[0] ?? fail() };
  });

  it.each(apps)("$name is read by the Marathon source, with labels that say what is meant", ({ name, definition }) => {
    expect(definition).toMatchObject({ app: `/${name}`, name, healthChecks: 1, unused: [] });
    expect(definition.ports).toHaveLength(1);
    expect(definition.image).toMatch(/:\d+\.\d+\.\d+$/);
    expect(problemsOf(definition.labels)).toEqual([]);
  });

  it.each(["muster", "muster-static"])(
    "%s is this version, with a configuration of its own on the same port",
    (name) => {
      const { json, definition } = apps.find((app) => app.name === name) ?? fail();
      const config = configOf(`marathon/${name}.yaml`);

      expect(definition.image).toMatch(new RegExp(`/muster:${version()}$`));
      expect(json["env"]).toEqual({ MUSTER_CONFIG: `/etc/muster/${name}.yaml` });
      expect(json["ports"]).toEqual([config.http.listen.port]);
      expect(definition.labels["muster.enable"], "its health check is Marathon's own").toBe("false");
    },
  );

  it("does not share a port or an audit log with the other on one host", () => {
    const [first, second] = [configOf("marathon/muster.yaml"), configOf("marathon/muster-static.yaml")];

    expect(first.http.listen.port).not.toBe(second.http.listen.port);
    expect(first.audit.path).not.toBe(second.audit.path);
    expect(first.cluster).toBe(second.cluster);
  });

  it("is highly available: on two hosts, with a lock, and one of them always there", () => {
    const { json } = apps.find(({ name }) => name === "muster") ?? fail();

    expect(json).toMatchObject({ instances: 2, constraints: [["hostname", "UNIQUE"]], requirePorts: true });
    expect(json["upgradeStrategy"]).toEqual({ minimumHealthCapacity: 0.5, maximumOverCapacity: 0 });
    expect(configOf("marathon/muster.yaml").registries).toHaveProperty("consul");
  });

  it("registers Mesos and Marathon from a file whose labels say what is meant", () => {
    const instances = parseInstances("instances.yaml", read("marathon/instances.yaml"));

    expect(new Set(instances.map(({ service }) => service))).toEqual(new Set(["mesos", "marathon"]));
    expect(instances.flatMap(({ labels }) => problemsOf(labels))).toEqual([]);
  });
});

describe("what watches Muster", () => {
  it.each(["alerts.yml", "dashboard.json"])("%s asks for metrics that there are", async (file) => {
    const { text } = await createMetrics({ scopes: () => [] }).text();
    const known = new Set(text.match(/(?<=^# TYPE )\w+/gm));
    const asked = new Set(read(`observability/${file}`).match(/\bmuster_\w+/g));

    expect(asked.size).toBeGreaterThan(4);
    expect([...asked].filter((name) => !known.has(name.replace(/_(?:bucket|count|sum)$/, "")))).toEqual([]);
  });

  it("is told where it is, and has its token", () => {
    const { services } = readStack("platform");
    const { scrape_configs: jobs } = parse(read("observability/prometheus.yml")) as {
      scrape_configs: {
        authorization: { credentials_file: string };
        dns_sd_configs: { names: string[]; port: number }[];
      }[];
    };
    const { http } = configOf("swarm/config/muster.yaml");

    expect(jobs[0]?.dns_sd_configs[0]).toMatchObject({ names: ["tasks.muster"], port: http.listen.port });
    expect(jobs[0]?.authorization.credentials_file).toBe(http.tokenFile);
    expect(secretNames(services["prometheus"] ?? fail())).toContain("muster_http_token");
  });
});

function fail(): never {
  throw new Error("it is not there");
}
