import { execFile } from "node:child_process";
import { appendFile, readdir, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { openAppendFile } from "../../src/audit/append-file.ts";
import { verifyAudit } from "../../src/audit/verify.ts";
import { logFolder, register } from "./audit-fixture.ts";

describe("a record", () => {
  test("has every key, null where it does not apply, and is what stands in the file", async () => {
    await using folder = await logFolder();
    await using audit = await folder.open({ now: () => Date.UTC(2026, 10, 21, 1, 2, 3, 4) });

    const [record] = await audit.append([{ action: "start" }]);

    const { hash, ...rest } = JSON.parse((await folder.lines())[0] ?? "");
    expect({ ...rest, hash }).toEqual(record);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(Object.entries(rest)).toEqual([
      ["seq", 1],
      ["time", "2026-11-21T01:02:03.004Z"],
      ["node", "n1"],
      ["registry", null],
      ["action", "start"],
      ["id", null],
      ["service", null],
      ["task", null],
      ["ok", null],
      ["error", null],
      ["ms", null],
      ["attempt", null],
      ["cause", null],
      ["before", null],
      ["after", null],
      ["prev", "0".repeat(64)],
    ]);
  });

  test("can be checked with nothing but SHA-256", async () => {
    await using folder = await logFolder();
    await using audit = await folder.open();
    await audit.append([register("a", { after: { tags: ["ü", '"', "\u2028"] } })]);

    const check = `sed 's/,"hash":"[0-9a-f]*"}$/}/' "$1" | tr -d '\\n' | sha256sum | cut -d' ' -f1`;
    const { stdout } = await promisify(execFile)("sh", ["-c", check, "sh", folder.path]);

    expect(stdout.trim()).toBe(JSON.parse((await folder.lines())[0] ?? "").hash);
  });

  test("holds no secrets", async () => {
    await using folder = await logFolder();
    await using audit = await folder.open();
    const secret = "hunter2hunter2";

    await audit.append([
      register("a", {
        error: `GET http://admin:${secret}@kong:8001/ failed`,
        cause: [{ header: `Authorization: Bearer ${secret}` }],
        before: { meta: { db_password: secret } },
        after: { check: { header: { Authorization: [secret] } }, list: [`x?token=${secret}&y=1`] },
      }),
    ]);

    const [line] = await folder.lines();
    expect(line).toContain("kong:8001");
    expect(line).toContain("db_password");
    expect(line).not.toContain(secret);
  });
});

describe("appending", () => {
  test("chains what is appended at once, in order, with few syncs", async () => {
    await using folder = await logFolder();
    let syncs = 0;
    await using audit = await folder.open({
      openFile: async (path) => {
        const file = await openAppendFile(path);
        return {
          ...file,
          sync() {
            syncs += 1;
            return file.sync();
          },
        };
      },
    });

    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => audit.append([register(`i${i}`)])));

    expect(answers.flat().map(({ seq, id }) => [seq, id])).toEqual(
      Array.from({ length: 200 }, (_, i) => [i + 1, `i${i}`]),
    );
    expect(syncs).toBeLessThanOrEqual(2);
    expect(await verifyAudit(folder.path)).toEqual({ ok: true, records: 200, problems: [], notes: [] });
  });

  test("is for the owner to write and the group to read, and makes its folder", async () => {
    await using folder = await logFolder();
    const path = folder.path.replace("audit.jsonl", "some/where/audit.jsonl");
    await using audit = await folder.open({ path });
    await audit.append([register("a")]);
    expect((await stat(path)).mode & 0o777 & ~0o640).toBe(0);
  });

  test("goes on after a restart", async () => {
    await using folder = await logFolder();
    for (const id of ["a", "b", "c"]) {
      await using audit = await folder.open();
      await audit.append([register(id)]);
    }
    expect((await folder.lines()).map((line) => JSON.parse(line).id)).toEqual(["a", "b", "c"]);
    expect(await verifyAudit(folder.path)).toMatchObject({ ok: true, records: 3, notes: [] });
  });

  test("is refused once closed", async () => {
    await using folder = await logFolder();
    const audit = await folder.open();
    await audit[Symbol.asyncDispose]();
    await audit[Symbol.asyncDispose]();
    await expect(audit.append([register("a")])).rejects.toThrow(/closed/);
  });

  test("closing waits for what was appended", async () => {
    await using folder = await logFolder();
    const audit = await folder.open();
    const appended = audit.append([register("a")]);
    await audit[Symbol.asyncDispose]();
    expect(await appended).toHaveLength(1);
    expect(await folder.lines()).toHaveLength(1);
  });
});

describe("rotation", () => {
  test("goes by size, keeps so many files, and the chain runs through", async () => {
    await using folder = await logFolder();
    await using audit = await folder.open({ maxBytes: 2000, keep: 3 });
    for (let i = 0; i < 40; i += 1) await audit.append([register(`i${i}`)]);

    const names = (await readdir(dirname(folder.path))).filter((name) => !name.includes(".lock")).sort();
    expect(names).toEqual(["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2", "audit.jsonl.3", "audit.jsonl.head"]);
    for (const suffix of ["", ".1", ".2", ".3"])
      expect((await stat(folder.path + suffix)).size).toBeLessThanOrEqual(2000);
    const { ok, records, problems } = await verifyAudit(folder.path);
    expect({ ok, problems }).toEqual({ ok: true, problems: [] });
    expect(records).toBeGreaterThan(12);
    expect((await audit.tail(1)).map(({ seq }) => seq)).toEqual([40]);
  });

  test("keep 0 leaves one file", async () => {
    await using folder = await logFolder();
    await using audit = await folder.open({ maxBytes: 1000, keep: 0 });
    for (let i = 0; i < 10; i += 1) await audit.append([register(`i${i}`)]);
    expect(await readdir(dirname(folder.path))).not.toContain("audit.jsonl.1");
    expect(await verifyAudit(folder.path)).toMatchObject({ ok: true, problems: [] });
  });

  test("does not part what was appended together", async () => {
    await using folder = await logFolder();
    await using audit = await folder.open({ maxBytes: 1000 });
    await audit.append([register("a"), register("b"), register("c"), register("d")]);
    await audit.append([register("e")]);
    expect(await folder.lines(".1")).toHaveLength(4);
    expect(await folder.lines()).toHaveLength(1);
  });

  test.each([1, 2])("a crash after rename %i of a rotation loses nothing", async (renames) => {
    await using folder = await logFolder();
    {
      await using audit = await folder.open({ maxBytes: 1000 });
      for (let i = 0; i < 4; i += 1) await audit.append([register(`i${i}`)]);
    }
    await rename(`${folder.path}.1`, `${folder.path}.2`);
    if (renames > 1) await rename(folder.path, `${folder.path}.1`);
    {
      await using audit = await folder.open({ maxBytes: 1000 });
      await audit.append([register("after")]);
      expect((await audit.tail(9)).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
    }
    expect(await verifyAudit(folder.path)).toEqual({ ok: true, records: 5, problems: [], notes: [] });
  });
});

describe("reading", () => {
  test("tail and query go over rotated files, newest kept, oldest first", async () => {
    await using folder = await logFolder();
    await using audit = await folder.open({ maxBytes: 1500 });
    for (let i = 1; i <= 30; i += 1) {
      const kong = i % 3 === 0;
      await audit.append([
        register(`i${i}`, { service: i % 2 === 0 ? "web" : "api", registry: kong ? "kong" : "consul", ok: !kong }),
      ]);
    }
    const ids = (records: readonly { readonly id: string | null }[]) => records.map(({ id }) => id);

    expect(ids(await audit.tail(3))).toEqual(["i28", "i29", "i30"]);
    expect(ids(await audit.query({ service: "web", limit: 2 }))).toEqual(["i28", "i30"]);
    expect(ids(await audit.query({ registry: "kong", failed: true, service: "api" }))).toEqual([
      "i3",
      "i9",
      "i15",
      "i21",
      "i27",
    ]);
    const since = Date.parse((await audit.tail(5))[0]?.time ?? "");
    expect(ids(await audit.query({ since }))).toEqual(["i26", "i27", "i28", "i29", "i30"]);
    expect(await audit.query({ service: "none" })).toEqual([]);
    expect(await audit.tail(100)).toHaveLength(30);
  });

  test("passes over a line that is just being written", async () => {
    await using folder = await logFolder();
    await using audit = await folder.open();
    await audit.append([register("a")]);
    await appendFile(folder.path, '{"seq":2,"ti');
    expect((await audit.tail(9)).map(({ id }) => id)).toEqual(["a"]);
    expect(await verifyAudit(folder.path)).toMatchObject({ ok: true, records: 1 });
  });
});
