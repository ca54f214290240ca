import { appendFile, rename, rm, stat } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { type AppendFile, openAppendFile } from "../../src/audit/append-file.ts";
import { verifyAudit } from "../../src/audit/verify.ts";
import { logFolder, register } from "./audit-fixture.ts";

describe("a failing disk", () => {
  /** A disk whose operations fail as told; `torn` bytes of a failing write reach the file. */
  function faultyDisk() {
    const faults = { append: "", sync: "", truncate: "", torn: 0 };
    async function openFile(path: string): Promise<AppendFile> {
      const file = await openAppendFile(path);
      function failing(code: string): void {
        if (code !== "") throw Object.assign(new Error(`${code}: no luck, write`), { code });
      }
      return {
        ...file,
        async append(data) {
          if (faults.append !== "") await file.append(data.subarray(0, faults.torn));
          failing(faults.append);
          await file.append(data);
        },
        async sync() {
          failing(faults.sync);
          await file.sync();
        },
        async truncate(size) {
          failing(faults.truncate);
          await file.truncate(size);
        },
      };
    }
    return { faults, openFile };
  }

  test.each([
    { name: "ENOSPC, nothing written", fault: { append: "ENOSPC" } },
    { name: "ENOSPC, half a line written", fault: { append: "ENOSPC", torn: 77 } },
    { name: "ENOSPC, some lines written", fault: { append: "ENOSPC", torn: 500 } },
    { name: "EIO at sync", fault: { sync: "EIO" } },
    { name: "ENOSPC, and the cutting off fails as well", fault: { append: "ENOSPC", torn: 77, truncate: "EIO" } },
  ])("$name: the append is refused, nothing of it stays, the next one works", async ({ fault }) => {
    await using folder = await logFolder();
    const { faults, openFile } = faultyDisk();
    await using audit = await folder.open({ openFile });
    await audit.append([register("a")]);

    Object.assign(faults, fault);
    const refused = [audit.append([register("b"), register("c")]), audit.append([register("d")])];
    for (const promise of refused)
      await expect(promise).rejects.toThrow(/^audit log .*audit\.jsonl: not written: E(NOSPC|IO)/);
    await expect(audit.append([register("e")])).rejects.toThrow(/not written/);
    Object.assign(faults, { append: "", sync: "", truncate: "", torn: 0 });
    const [record] = await audit.append([register("f")]);

    expect(record?.seq).toBe(2);
    expect((await folder.lines()).map((line) => JSON.parse(line).id)).toEqual(["a", "f"]);
    expect(await verifyAudit(folder.path)).toMatchObject({ ok: true, records: 2, notes: [] });
  });

  test("a full disk at the end leaves no torn line", async () => {
    await using folder = await logFolder();
    const { faults, openFile } = faultyDisk();
    const audit = await folder.open({ openFile });
    Object.assign(faults, { append: "ENOSPC", torn: 77 });
    await expect(audit.append([register("a")])).rejects.toThrow(/ENOSPC/);
    await audit[Symbol.asyncDispose]();
    expect((await stat(folder.path)).size).toBe(0);
  });
});

describe("somebody else's hands, while it is open", () => {
  test("the file removed: a new one is begun, a record says so, verify finds the gap", async () => {
    await using folder = await logFolder();
    await using audit = await folder.open();
    await audit.append([register("a"), register("b")]);
    await rm(folder.path);
    await audit.append([register("c")]);

    const records = (await folder.lines()).map((line) => JSON.parse(line));
    expect(records.map(({ seq, action, ok }) => [seq, action, ok])).toEqual([
      [3, "repair", false],
      [4, "register", true],
    ]);
    expect((await verifyAudit(folder.path)).problems).toMatchObject([
      { what: "records 1 to 2 are missing before this line" },
    ]);
  });

  test("the file moved to PATH.1: nothing is lost, nothing is amiss", async () => {
    await using folder = await logFolder();
    await using audit = await folder.open();
    await audit.append([register("a")]);
    await rename(folder.path, `${folder.path}.1`);
    await audit.append([register("b")]);
    expect(await verifyAudit(folder.path)).toEqual({ ok: true, records: 2, problems: [], notes: [] });
  });

  test("a line put in: the chain goes on, verify finds the line", async () => {
    await using folder = await logFolder();
    await using audit = await folder.open();
    await audit.append([register("a")]);
    await appendFile(folder.path, "hello\n");
    await audit.append([register("b")]);
    const { problems } = await verifyAudit(folder.path);
    expect(problems).toMatchObject([{ line: 2, what: "not an audit record" }]);
  });
});
