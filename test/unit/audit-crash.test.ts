import { readFile, stat, truncate, writeFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AuditInput } from "../../src/audit/record.ts";
import { verifyAudit } from "../../src/audit/verify.ts";
import { logFolder, register } from "./audit-fixture.ts";

const json = fc.jsonValue() as fc.Arbitrary<NonNullable<AuditInput["after"]>>;
const input: fc.Arbitrary<AuditInput> = fc.record(
  {
    action: fc.constantFrom("register", "update", "deregister", "guard"),
    id: fc.string({ unit: "binary" }),
    service: fc.option(fc.string()),
    ok: fc.boolean(),
    error: fc.option(fc.string({ unit: "grapheme" })),
    cause: fc.array(json, { maxLength: 2 }),
    before: json,
    after: json,
  },
  { requiredKeys: ["action"] },
);

/** One life of a Muster: what it appends (each inner list at once), and how much of an unsynced write the crash leaves. */
const life = fc.record({
  rounds: fc.array(fc.array(fc.array(input, { maxLength: 3 }), { maxLength: 4 }), { maxLength: 3 }),
  unsynced: fc.string({ unit: "binary" }),
  /** Part of the head file's lag: a crash may lose its latest writes. */
  headLags: fc.boolean(),
});

describe("crashes", () => {
  test("whatever is appended in whatever batches, torn at any byte: repaired, sound, and all that was synced is there", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(life, { maxLength: 4 }),
        fc.integer({ min: 300, max: 5000 }),
        async (lives, maxBytes) => {
          await using folder = await logFolder();
          const synced: string[] = [];
          for (const { rounds, unsynced, headLags } of lives) {
            const audit = await folder.open({ maxBytes, keep: 1000 });
            const oldHead = await readFile(`${folder.path}.head`);
            for (const round of rounds) {
              const written = await Promise.all(round.map((batch) => audit.append(batch)));
              synced.push(...written.flat().map((record) => JSON.stringify(record)));
            }
            await audit[Symbol.asyncDispose]();
            // as if killed within a write: its beginning is there, its newline is not
            await writeFile(folder.path, unsynced.replaceAll("\n", " "), { flag: "a" });
            if (headLags) await writeFile(`${folder.path}.head`, oldHead);
          }
          const audit = await folder.open({ maxBytes, keep: 1000 });
          const records = await audit.query({ limit: 10_000 });
          await audit[Symbol.asyncDispose]();

          const lines = new Set(records.map((record) => JSON.stringify(record)));
          expect(synced.filter((line) => !lines.has(line))).toEqual([]);
          const torn = lives.filter(({ unsynced }) => unsynced !== "");
          expect(records.filter(({ action }) => action === "repair")).toHaveLength(torn.length);
          expect(await verifyAudit(folder.path)).toMatchObject({ ok: true, problems: [], records: records.length });
        },
      ),
      { numRuns: 60 },
    );
  }, 60_000);

  test("a torn last line is cut off, and a record says how many bytes", async () => {
    await using folder = await logFolder();
    await (await folder.open())[Symbol.asyncDispose]();
    await writeFile(folder.path, '{"seq":1,"ti');
    await using audit = await folder.open();
    expect(await audit.tail(2)).toMatchObject([
      { seq: 1, action: "repair", ok: true, cause: ["a torn last line of 12 bytes was cut off"], after: { bytes: 12 } },
    ]);
  });

  test("a torn tail of zeros, as a power cut leaves it, is cut off too", async () => {
    await using folder = await logFolder();
    {
      await using audit = await folder.open();
      await audit.append([register("a")]);
    }
    await truncate(folder.path, (await stat(folder.path)).size + 70_000);
    await using audit = await folder.open();
    expect((await audit.tail(9)).map(({ seq, action }) => [seq, action])).toEqual([
      [1, "register"],
      [2, "repair"],
    ]);
    expect(await verifyAudit(folder.path)).toMatchObject({ ok: true, records: 2 });
  });

  test("a synced line cut anywhere within: repaired, the loss on record, and verify is content", async () => {
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 0.01, max: 0.99, noNaN: true }), async (part) => {
        await using folder = await logFolder();
        {
          await using audit = await folder.open();
          await audit.append([register("a"), register("b")]);
        }
        const lines = await folder.lines();
        const last = lines[1]?.length ?? 0;
        await truncate(folder.path, (await stat(folder.path)).size - Math.ceil(last * part));
        await using audit = await folder.open();
        expect(await audit.tail(9)).toMatchObject([
          { seq: 1, id: "a" },
          { seq: 2, action: "repair", ok: true },
          { seq: 3, action: "repair", ok: false, error: expect.stringContaining("record 2 was lost") },
        ]);
        expect(await verifyAudit(folder.path)).toMatchObject({ ok: true, records: 3 });
      }),
      { numRuns: 30 },
    );
  });
});
