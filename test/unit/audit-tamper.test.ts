import { readFile, rm, writeFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AuditProblem, verifyAudit } from "../../src/audit/verify.ts";
import { type LogFolder, logFolder, register } from "./audit-fixture.ts";

const RECORDS = 12;
/** Of a record as `wholeLog` writes it, with its newline; the numbers of two digits make it a little longer. */
const LINE_BYTES = 374;

/** A log of twelve records in three files (`.2`: 1 to 5, `.1`: 6 to 10, current: 11 and 12). */
async function wholeLog(): Promise<LogFolder> {
  const folder = await logFolder();
  await using audit = await folder.open({ maxBytes: LINE_BYTES * 5 });
  for (let i = 1; i <= RECORDS; i += 1) await audit.append([register(`id-${String(i).padStart(2, "0")}`)]);
  return folder;
}

async function problemsAfter(
  folder: LogFolder,
  suffix: string,
  change: (lines: string[]) => void,
): Promise<readonly AuditProblem[]> {
  const lines = await folder.lines(suffix);
  change(lines);
  await writeFile(folder.path + suffix, lines.map((line) => `${line}\n`).join(""));
  const { ok, problems } = await verifyAudit(folder.path);
  expect(ok).toBe(problems.length === 0);
  return problems;
}

describe("verify finds", () => {
  test("nothing in a log that is as it was written", async () => {
    await using folder = await wholeLog();
    expect(await Promise.all([".2", ".1", ""].map(async (suffix) => (await folder.lines(suffix)).length))).toEqual([
      5, 5, 2,
    ]);
    expect(await verifyAudit(folder.path)).toEqual({ ok: true, records: RECORDS, problems: [], notes: [] });
  });

  test("any one byte changed, anywhere, naming its line", async () => {
    await using folder = await wholeLog();
    const originals = new Map<string, Buffer>();
    for (const suffix of [".2", ".1", ""]) originals.set(suffix, await readFile(folder.path + suffix));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(".2", ".1", ""),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.integer({ min: 1, max: 255 }),
        async (suffix, where, flip) => {
          const original = originals.get(suffix) ?? Buffer.alloc(0);
          const at = Math.floor(where * original.length);
          const changed = Buffer.from(original);
          changed[at] = (changed[at] ?? 0) ^ flip;
          await writeFile(folder.path + suffix, changed);
          const { problems } = await verifyAudit(folder.path);
          await writeFile(folder.path + suffix, original);

          const line = original.subarray(0, at).filter((byte) => byte === 0x0a).length + 1;
          expect(problems[0]).toMatchObject({ file: folder.path + suffix, line });
        },
      ),
      { numRuns: 300 },
    );
  });

  test("a changed line, and only that", async () => {
    await using folder = await wholeLog();
    const problems = await problemsAfter(folder, ".1", (lines) => {
      lines[2] = lines[2]?.replace("id-08", "id-88") ?? "";
    });
    expect(problems).toEqual([
      { file: `${folder.path}.1`, line: 3, seq: 8, what: "changed: its content does not match its hash" },
    ]);
  });

  test("a changed line with its hash made anew", async () => {
    await using folder = await wholeLog();
    await using forged = await logFolder();
    {
      await using audit = await forged.open();
      for (let i = 1; i <= RECORDS; i += 1)
        await audit.append([register(i === 8 ? "forged" : `id-${String(i).padStart(2, "0")}`)]);
    }
    const forgedLines = await forged.lines();
    const problems = await problemsAfter(folder, ".1", (lines) => {
      lines[2] = forgedLines[7] ?? "";
    });
    expect(problems).toMatchObject([
      { line: 4, seq: 9, what: expect.stringMatching(/does not continue the line before/) },
    ]);
  });

  test("a log forged anew from some line to its end, by the head file", async () => {
    await using folder = await wholeLog();
    await using forged = await logFolder();
    {
      await using audit = await forged.open();
      for (let i = 1; i <= RECORDS; i += 1)
        await audit.append([register(i < RECORDS ? `id-${String(i).padStart(2, "0")}` : "forged")]);
    }
    const forgedLines = await forged.lines();
    const problems = await problemsAfter(folder, "", (lines) => {
      lines[1] = forgedLines[11] ?? "";
    });
    expect(problems).toMatchObject([{ seq: 12, what: expect.stringMatching(/exchanged: the head file/) }]);
  });

  test.each([
    {
      name: "in the middle of a file",
      suffix: ".1",
      from: 1,
      count: 2,
      what: "records 7 to 8 are missing before this line",
      line: 2,
      file: ".1",
    },
    {
      name: "at the start of the log",
      suffix: ".2",
      from: 0,
      count: 1,
      what: "record 1 is missing before this line",
      line: 1,
      file: ".2",
    },
    {
      name: "at the end of an older file",
      suffix: ".2",
      from: 3,
      count: 2,
      what: "records 4 to 5 are missing: cut off after this line",
      line: 3,
      file: ".2",
    },
    {
      name: "at the end of the log",
      suffix: "",
      from: 1,
      count: 1,
      what: "record 12 is missing: cut off after this line",
      line: 1,
      file: "",
    },
  ])("lines dropped $name", async ({ suffix, from, count, what, line, file }) => {
    await using folder = await wholeLog();
    const problems = await problemsAfter(folder, suffix, (lines) => lines.splice(from, count));
    expect(problems).toMatchObject([{ file: folder.path + file, line, what }]);
  });

  test.each([
    { suffix: ".2", what: "records 1 to 5 are missing before this line" },
    { suffix: ".1", what: "records 6 to 10 are missing: cut off after this line" },
    { suffix: "", what: "records 11 to 12 are missing: cut off after this line" },
  ])("a whole file dropped ($suffix)", async ({ suffix, what }) => {
    await using folder = await wholeLog();
    await rm(folder.path + suffix);
    expect((await verifyAudit(folder.path)).problems).toMatchObject([{ what }]);
  });

  test("two lines swapped", async () => {
    await using folder = await wholeLog();
    const problems = await problemsAfter(folder, ".1", (lines) => {
      [lines[1], lines[2]] = [lines[2] ?? "", lines[1] ?? ""];
    });
    expect(problems).toMatchObject([
      { line: 2, seq: 7, what: "record 7 is missing before this line" },
      { line: 3, seq: 7, what: "out of place: repeated or moved here, after record 8" },
    ]);
  });

  test("a line repeated", async () => {
    await using folder = await wholeLog();
    const problems = await problemsAfter(folder, ".1", (lines) => lines.splice(2, 0, lines[1] ?? ""));
    expect(problems).toMatchObject([{ line: 3, seq: 7, what: "repeated: a line before has the same number" }]);
  });

  test("a line put in that is none, and only that", async () => {
    await using folder = await wholeLog();
    const problems = await problemsAfter(folder, ".1", (lines) => lines.splice(2, 0, "", "{}"));
    expect(problems).toMatchObject([
      { line: 3, what: "not an audit record" },
      { line: 4, what: "not an audit record" },
    ]);
  });

  test("any drop, swap or repetition of lines (property)", async () => {
    await using folder = await wholeLog();
    const original = await folder.lines(".1");
    const edited = fc
      .array(fc.nat({ max: original.length - 1 }), { maxLength: 8 })
      .map((picks) => picks.map((pick) => original[pick] ?? ""))
      .filter((lines) => lines.join() !== original.join());
    await fc.assert(
      fc.asyncProperty(edited, async (lines) => {
        const problems = await problemsAfter(folder, ".1", (all) => all.splice(0, all.length, ...lines));
        expect(problems).not.toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});

describe("a start of Muster", () => {
  test("on a log whose end was cut off says so, and verify finds the gap for ever", async () => {
    await using folder = await wholeLog();
    await problemsAfter(folder, "", (lines) => lines.pop());
    for (let restart = 0; restart < 2; restart += 1) {
      await using audit = await folder.open();
      await audit.append([register("after")]);
    }
    const { problems, notes } = await verifyAudit(folder.path);
    expect(problems).toMatchObject([{ seq: 12, what: "record 12 is missing before this line" }]);
    expect(notes).toEqual(["record 13: repair: the log ends too early: record 12 is missing"]);
  });

  test("on a log whose last line was changed says so, and verify finds that line alone", async () => {
    await using folder = await wholeLog();
    await problemsAfter(folder, "", (lines) => {
      lines[1] = lines[1]?.replace("id-12", "id-21") ?? "";
    });
    {
      await using audit = await folder.open();
      await audit.append([register("after")]);
    }
    const { problems, notes } = await verifyAudit(folder.path);
    expect(problems).toMatchObject([{ line: 2, seq: 12, what: expect.stringMatching(/^changed/) }]);
    expect(notes).toEqual(["record 13: repair: 1 line(s) at the end of the log are broken"]);
  });

  test("without a head file goes on and says so", async () => {
    await using folder = await wholeLog();
    await rm(`${folder.path}.head`);
    expect((await verifyAudit(folder.path)).notes).toEqual([
      "no head file: it can't be told whether first or last lines were cut off",
    ]);
    await using audit = await folder.open();
    expect(await audit.tail(1)).toMatchObject([
      { seq: 13, action: "repair", cause: ["the head file was missing; a new one was begun"] },
    ]);
    expect(await verifyAudit(folder.path)).toMatchObject({ ok: true, records: 13 });
  });
});
