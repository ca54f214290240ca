import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { printConfig } from "../../src/config/print.ts";
import { checkSecretFiles } from "../../src/config/secret-files.ts";
import { configOf } from "./config-fixture.ts";

describe("printing", () => {
  const text = (unit: string[]) => fc.string({ unit: fc.constantFrom(...unit), minLength: 1, maxLength: 9 });
  const durations = fc.tuple(fc.nat(9999), fc.constantFrom("ms", "s", "m", "h")).map(([n, unit]) => `${n}${unit}`);
  const plainText = text(["a", "b", "1", "-"]).map((name) => `n${name}`);
  const optional = { requiredKeys: [] };
  const config = fc.record(
    {
      cluster: plainText,
      node: fc.record({ id: plainText, address: fc.oneof(fc.ipV4(), fc.ipV6()) }, optional),
      sources: fc.record(
        {
          docker: fc.constantFrom({}, true, { host: "tcp://x:1" }),
          static: fc.constantFrom({}, { file: "1e3" }),
          mine: fc.constant({ module: "./m.js", x: ["yes", "1", null] }),
        },
        optional,
      ),
      registries: fc.record(
        {
          embedded: fc.constantFrom(true, false),
          consul: fc.record({ timeout: durations, url: fc.constantFrom("http://c:1/") }, optional),
          alb: fc.record({ targetGroups: fc.dictionary(fc.string(), fc.string()) }),
        },
        optional,
      ),
      policy: fc.record(
        {
          mode: fc.constantFrom("sync", "upsert-only"),
          resync: durations,
          massDelete: fc.record({ max: fc.nat(1000), percent: fc.nat(100) }, optional),
          dryRun: fc.boolean(),
        },
        optional,
      ),
      audit: fc.record(
        { path: text(["#", ":", " ", "x", "'", "ü"]), maxBytes: fc.constantFrom(4096, "1GiB"), keep: fc.nat(9) },
        optional,
      ),
      http: fc.record(
        {
          listen: fc.constantFrom("[::1]:0", "localhost:80", "127.9.9.9:65535"),
          tokenFile: fc.constantFrom("0", "/t"),
        },
        optional,
      ),
      log: fc.record({ level: fc.constantFrom("debug", "silent") }, optional),
    },
    optional,
  );

  test("printed and read again, a configuration is the same (property)", () => {
    fc.assert(
      fc.property(config, (given) => {
        const first = configOf(JSON.stringify(given));
        expect(configOf(printConfig(first))).toEqual(first);
      }),
    );
  });

  test("shows every default, durations as they are written, and no secrets", () => {
    const printed = printConfig(
      configOf("registries: { consul: { token: hunter2, timeout: 90s }, mine: { module: m, apiKey: hunter2 } }"),
    );
    expect(printed).toContain("resync: 60s");
    expect(printed).toContain("maxBytes: 64MiB");
    expect(printed).toContain("timeout: 90s");
    expect(printed).toContain("host: unix:///var/run/docker.sock");
    expect(printed).toContain('token: "[redacted]"');
    expect(printed).not.toContain("hunter2");
  });
});

describe("secret files", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "muster-config-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function check(content: string | null, mode = 0o600) {
    const file = join(folder, "token");
    await rm(file, { recursive: true, force: true });
    if (content !== null) {
      await writeFile(file, content);
      await chmod(file, mode);
    }
    return await checkSecretFiles(configOf(`registries: { consul: { tokenFile: "${file}" } }`));
  }

  test("are fine when they hold something for us alone", async () => {
    expect(await check("hunter2\n")).toEqual({ problems: [], warnings: [] });
  });

  test("are warned of when everybody may read them", async () => {
    const { problems, warnings } = await check("hunter2\n", 0o644);
    expect(problems).toEqual([]);
    expect(warnings).toEqual([expect.stringMatching(/^registries\.consul\.tokenFile: .*every user .* chmod o-r it$/)]);
  });

  test.each([
    ["missing", null, "no such file; make it, or name another"],
    ["empty", " \n", "empty; write the secret into it"],
  ])("that are %s are named", async (_, content, problem) => {
    const { problems } = await check(content);
    expect(problems).toEqual([`registries.consul.tokenFile: ${join(folder, "token")}: ${problem}`]);
  });

  test("that are folders are named", async () => {
    await mkdir(join(folder, "d"));
    const { problems } = await checkSecretFiles({ effective: { http: { tokenFile: join(folder, "d") } } });
    expect(problems).toEqual([expect.stringContaining("not a file")]);
  });
});
