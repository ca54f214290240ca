/**
 * Secrets planted wherever Muster could come by one: in every `…File`, in containers' environments and labels, in error
 * answers that repeat what they were sent. None may be in anything that it writes, answers, prints or registers.
 */
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { schemas } from "../../src/adapters.ts";
import { CoreSchema } from "../../src/config/schema.ts";
import { type Shape, shapeOf, unwrap } from "../../src/config/shape.ts";
import { runMuster } from "../cli.ts";
import { type FakeEngine, startFakeEngine } from "../fakes/docker-engine.ts";
import { type FakeKong, startFakeKong } from "../fakes/kong/kong.ts";
import { freePorts } from "../lab/ports.ts";
import { until } from "../lab/wait.ts";
import { type Echo, KINDS, startEcho } from "./echo.ts";
import { muster, type Program, runProgram } from "./program.ts";

/** Looks like nothing, so that only whoever knows that it is a secret can hide it. */
const planted = new Map<string, string>();

function plant(where: string): string {
  const known = planted.get(where);
  if (known !== undefined) return known;
  const secret = `Zq${(planted.size + 10).toString(36)}w7Kx${Buffer.from(where).toString("hex").slice(-8)}Vt3`;
  planted.set(where, secret);
  return secret;
}

let folder: string;
let echo: Echo;
let engine: FakeEngine;
let kong: FakeKong;
/** What was printed, answered or written, by where. */
const outputs = new Map<string, string>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-secrets-"));
  // As the SDK's own chain finds them.
  Object.assign(process.env, AWS);
  echo = await startEcho();
  engine = await startFakeEngine();
  kong = await startFakeKong();
  engine.run({ name: "careless", ...CARELESS });
  engine.run({ name: "plain", labels: { "muster.name": "plain", "muster.route.host": "plain.example" } });
}, 30_000);
afterAll(async () => {
  await kong?.[Symbol.asyncDispose]();
  await engine?.[Symbol.asyncDispose]();
  await echo?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const CARELESS = {
  labels: {
    "muster.name": "careless",
    "muster.meta.db_password": plant("meta by its key"),
    "muster.meta.dsn": `postgres://app:${plant("meta by its look")}@db:5432/shop`,
    "muster.tags": `blue,Bearer ${plant("a tag")}`,
    "muster.check.http": `/health?token=${plant("a check's query")}`,
    "muster.route.path": `/shop?access_token=${plant("a route's query")}`,
    "muster.alb.target-group": `password=${plant("a target group")}`,
    "muster.api-key": plant("an unknown label"),
    SERVICE_TAGS: `token:${plant("a tag of Registrator's")}`,
    "com.example.password": plant("a label of somebody else"),
  },
  env: [
    `DB_PASSWORD=${plant("environment")}`,
    `SERVICE_DB_PASSWORD=${plant("environment of Registrator's")}`,
    `SERVICE_8080_API_TOKEN=${plant("environment of a port")}`,
    `AWS_SECRET_ACCESS_KEY=${plant("environment with a key")}`,
    `SERVICE_TAGS=postgres://x:${plant("a tag in the environment")}@y/z`,
  ],
} as const;

/** A file with a secret of its own. */
async function secretFile(
  key: string,
  content: (secret: string) => string = (secret) => `${secret}\n`,
): Promise<string> {
  const file = join(folder, key);
  await writeFile(file, content(plant(key)), { mode: 0o600 });
  return file;
}

/** As an operator may spoil one: the right envelope, but no key that could be read. */
function brokenPem(kind: string): (secret: string) => string {
  return (secret) => `-----BEGIN ${kind}-----\n${secret}\n-----END ${kind}-----\n`;
}

const AWS = {
  AWS_ACCESS_KEY_ID: "AKIAZQ7KXVT3EXAMPLE0",
  AWS_SECRET_ACCESS_KEY: plant("AWS_SECRET_ACCESS_KEY"),
  AWS_SESSION_TOKEN: plant("AWS_SESSION_TOKEN"),
  AWS_EC2_METADATA_DISABLED: "true",
};

/** Everything that authenticates over plain HTTP, to a server that repeats it. */
async function overHttp(marathon: string | null): Promise<string> {
  return `
node: { id: n1, address: 10.0.0.1 }
sources:
  docker: { host: "${engine.host}" }
  swarm: { secretFile: ${await secretFile("sources.swarm.secretFile")}, managers: ["${echo.url}"] }
  ${marathon === null ? "" : `marathon: { urls: ["${echo.url}"], ${marathon} }`}
registries:
  consul: { url: "${echo.url}", tokenFile: ${await secretFile("registries.consul.tokenFile")} }
  kong:
    url: "${kong.url}"
    tokenFile: ${await secretFile("registries.kong.tokenFile")}
    headers: { X-Api-Key: { file: ${await secretFile("registries.kong.headers.file")} } }
  vulcand: { url: "${echo.url}", authorizationFile: ${await secretFile("registries.vulcand.authorizationFile")} }
  alb: { region: eu-west-1, endpoint: "${echo.url}", instanceId: i-0123456789abcdef0, targetGroups: { plain: web } }
http: { tokenFile: ${await secretFile("http.tokenFile")} }
audit: { path: ${folder}/audit.jsonl }
log: { level: trace }
`;
}

/** Everything that speaks TLS, with keys that can't be used. */
async function overTls(): Promise<string> {
  const url = echo.url.replace("http:", "https:");
  const tls = async (key: string) =>
    `caFile: ${await secretFile(`${key}.caFile`, brokenPem("CERTIFICATE"))}, ` +
    `certFile: ${await secretFile(`${key}.certFile`, brokenPem("CERTIFICATE"))}, ` +
    `keyFile: ${await secretFile(`${key}.keyFile`, brokenPem("PRIVATE KEY"))}`;
  return `
node: { id: n1, address: 10.0.0.1 }
sources:
  docker: { host: "${url}", ${await tls("sources.docker")} }
  marathon: { urls: ["${url}"], ${await tls("sources.marathon")} }
registries:
  consul: { url: "${url}", ${await tls("registries.consul")} }
  kong: { url: "${url}", ${await tls("registries.kong")} }
  vulcand: { url: "${url}", ${await tls("registries.vulcand")} }
audit: { path: ${folder}/tls.jsonl }
log: { level: trace }
`;
}

/** A DC/OS service account, whose login repeats what it is sent as well. */
async function serviceAccount(): Promise<string> {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  planted.set("the service account's key", pem.split("\n")[1] ?? "");
  const secret = { uid: "muster", private_key: pem, login_endpoint: `${echo.url}/login`, scheme: "RS256" };
  const file = await secretFile("sources.marathon.serviceAccountSecretFile", (note) =>
    JSON.stringify({ ...secret, note }),
  );
  return `serviceAccountSecretFile: ${file}`;
}

async function command(name: string, args: readonly string[], env: Record<string, string> = AWS): Promise<void> {
  const { code, out, err } = await muster(args, env);
  outputs.set(`muster ${name}`, `${out}\n${err}`);
  expect([name, code, `${out}${err}`.length > 20]).toEqual([name, expect.any(Number), true]);
}

/** In this process, since it is asked so often. */
async function doctor(name: string, file: string): Promise<void> {
  const { out, err } = await runMuster(["doctor", "--json", "--timeout", "3s", "-c", file]);
  expect(JSON.parse(out)).toMatchObject({ ok: false });
  outputs.set(`muster doctor, ${name}`, `${out}\n${err}`);
}

async function configured(name: string, text: string): Promise<string> {
  const file = join(folder, `${name}.yaml`);
  await writeFile(file, text);
  return file;
}

const ANSWERS = [
  ...["/v1/instances", "/v1/services", "/v1/sources", "/v1/registries", "/v1/audit?limit=1000", "/metrics", "/readyz"],
  ...["/openapi.json", "/", "/v1/explain?of=careless", "/v1/explain?of=plain", "/v1/status", "/v1/facts", "/healthz"],
];

async function gather(program: Program): Promise<void> {
  const headers = { authorization: `Bearer ${plant("http.tokenFile")}` };
  const ask = async (path: string, init: RequestInit = {}) => {
    const signal = AbortSignal.timeout(5_000);
    const answer = await fetch(`${program.url}${path}`, { ...init, headers: { ...headers, ...init.headers }, signal });
    outputs.set(path, `${JSON.stringify([...answer.headers])} ${await answer.text()}`);
  };
  await Promise.all(ANSWERS.map((path) => ask(path)));
  const { instances } = JSON.parse((outputs.get("/v1/instances") ?? "").replace(/^\[\[.*?\]\] /, "")) as {
    instances: readonly { readonly id: string }[];
  };
  expect(instances.length).toBeGreaterThan(1);
  for (const { id } of instances) await ask(`/v1/instances/${encodeURIComponent(id)}`);
  await ask("/v1/resync", { method: "POST", body: "{}", headers: { "content-type": "application/json" } });
  await ask("/v1/facts?again", { headers: { authorization: `Bearer ${plant("a guess")}` } });
  await ask("/v1/drain", { method: "POST", body: plant("a body that is no JSON") });
}

/** All keys of the schemas that name files with something to hide. */
function fileKeys(shape: Shape, path: string): readonly string[] {
  const { entries } = unwrap(shape);
  return Object.entries(entries ?? {}).flatMap(([key, inner]) => {
    const at = path === "" ? key : `${path}.${key}`;
    return /[a-z]File$/.test(key) ? [at] : fileKeys(inner, at);
  });
}

describe("planted secrets", () => {
  it("are in no output of a Muster whose servers repeat what they are told", { timeout: 120_000 }, async () => {
    const [port = 0] = await freePorts(1);
    const main = await configured(
      "main",
      await overHttp(`tokenFile: ${await secretFile("sources.marathon.tokenFile")}`),
    );
    const others = {
      basic: await overHttp(`username: muster, passwordFile: ${await secretFile("sources.marathon.passwordFile")}`),
      account: await overHttp(await serviceAccount()),
      tls: await overTls(),
    };
    const program = runProgram(["-c", main], port, AWS);
    try {
      await until(
        async () => kong.world.store.targets.size === 2 && /"registry":"alb".*"registry failing"/.test(program.log),
        { timeoutMs: 20_000, everyMs: 50, what: "everything to be tried once" },
      );
      kong.fault(({ method, path, headers }) => {
        const said = `${JSON.stringify(headers)} may not ${method} ${path}`;
        return method === "GET" ? null : { kind: "status", status: 403, body: { message: said } };
      });
      engine.run({ name: "late", ...CARELESS, labels: { ...CARELESS.labels, "muster.name": "late" } });
      await until(async () => program.log.includes("register failed"), {
        ...{ timeoutMs: 10_000, everyMs: 50 },
        what: "Kong's refusals",
      });
      await gather(program);
      const url = ["--url", program.url, "-c", main];
      await command("status", ["status", "--json", ...url]);
      await command("explain", ["explain", "careless", "--json", ...url]);
      await command("audit", ["audit", "tail", "--json", "-f", join(folder, "audit.jsonl")]);
      kong.fault(null);
      // With a source that can't be listed there is no plan.
      await command("plan", ["plan", "--json", "-c", await configured("unlisted", await overHttp(null))]);
    } finally {
      // The servers that fail have it wait; there is enough to be done meanwhile.
      const stopped = program.stop();
      for (let kind = 0; kind < KINDS; kind++) {
        echo.kind = kind;
        await doctor(`main, ${kind}`, main);
      }
      echo.kind = null;
      for (const [name, text] of Object.entries(others)) await doctor(name, await configured(name, text));
      await command("config check", ["config", "check", main]);
      await stopped;
    }
    outputs.set("log", program.log);
    outputs.set("Kong", JSON.stringify(Object.values(kong.world.store).map((rows) => [...rows.values()])));
    for (const file of await readdir(folder)) {
      if (/\.jsonl/.test(file)) outputs.set(file, await readFile(join(folder, file), "utf8"));
    }

    const found = [...outputs].flatMap(([where, text]) =>
      formsOf([...planted]).flatMap(([what, form]) => {
        const at = text.indexOf(form);
        return at < 0 ? [] : [`${what} is in ${where}: …${text.slice(Math.max(0, at - 120), at + form.length + 20)}`];
      }),
    );
    expect(found).toEqual([]);
  });

  it("were sent to those whom they are for, so that they could have been repeated", () => {
    const sent = new Map([...echo.heard].map(([name, values]) => [name, [...values].join(" ")]));
    expect(sent.get("x-consul-token")).toContain(plant("registries.consul.tokenFile"));
    expect(sent.get("x-amz-security-token")).toContain(plant("AWS_SESSION_TOKEN"));
    const authorization = sent.get("authorization");
    expect(authorization).toContain(plant("registries.vulcand.authorizationFile"));
    expect(authorization).toContain(plant("sources.marathon.tokenFile"));
    expect(authorization).toContain(basic(plant("sources.marathon.passwordFile")));
    const toKong = JSON.stringify(kong.hits);
    expect(toKong).toContain(plant("registries.kong.tokenFile"));
    expect(toKong).toContain(plant("registries.kong.headers.file"));
  });

  it("are in every file that the configuration can name: a new key needs one here", () => {
    const adapters = Object.entries({ sources: schemas.sources, registries: schemas.registries });
    const ofAdapters = adapters.flatMap(([kind, all]) =>
      Object.entries(all).flatMap(([name, schema]) => fileKeys(shapeOf(schema), `${kind}.${name}`)),
    );
    expect([...planted.keys()]).toEqual(expect.arrayContaining([...fileKeys(shapeOf(CoreSchema), ""), ...ofAdapters]));
  });
});

/** As it is, and as basic authentication sends it. */
function formsOf(all: readonly (readonly [string, string])[]): readonly (readonly [string, string])[] {
  return all.flatMap(([what, secret]) => [
    [what, secret] as const,
    // As parsers quote what they do not understand.
    [`the start of ${what}`, secret.slice(0, 9)] as const,
    [`${what} (encoded)`, Buffer.from(secret).toString("base64").replace(/=+$/, "")] as const,
    [`${what} (basic)`, basic(secret)] as const,
  ]);
}

function basic(password: string): string {
  return Buffer.from(`muster:${password}`).toString("base64");
}
