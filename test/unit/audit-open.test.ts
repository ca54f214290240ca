import { execFile } from "node:child_process";
import { mkdir, readdir, stat, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { isLocked } from "../../src/audit/lock.ts";
import { openAudit } from "../../src/audit.ts";
import { logFolder, register, silent } from "./audit-fixture.ts";

describe("the lock", () => {
  test("keeps a second Muster off, naming the first, and goes when it closes", async () => {
    await using folder = await logFolder();
    const first = await folder.open();
    await expect(folder.open()).rejects.toThrow(
      new RegExp(`another Muster is writing it \\(pid ${process.pid}\\); stop that one`),
    );
    expect(await isLocked(folder.path)).toBe(true);
    await first[Symbol.asyncDispose]();
    expect(await isLocked(folder.path)).toBe(false);
    await using second = await folder.open();
    expect(await second.append([register("a")])).toHaveLength(1);
  });

  test("of a SIGKILLed process is taken over at once", async () => {
    await using folder = await logFolder();
    const script = `require("node:net").createServer().listen(${JSON.stringify(`${folder.path}.lock.0000`)}, () => process.kill(process.pid, "SIGKILL"))`;
    await expect(promisify(execFile)(process.execPath, ["-e", script])).rejects.toMatchObject({ signal: "SIGKILL" });
    expect((await stat(`${folder.path}.lock.0000`)).isSocket()).toBe(true);

    await using audit = await folder.open();

    expect(await audit.append([register("a")])).toHaveLength(1);
    await expect(folder.open()).rejects.toThrow(/another Muster/);
  });

  test("of many that start at once over a stale one, exactly one wins", async () => {
    await using folder = await logFolder();
    await writeFile(`${folder.path}.lock.stale`, "");
    const opened = await Promise.allSettled(Array.from({ length: 8 }, () => folder.open()));
    const won = opened.filter((result) => result.status === "fulfilled");
    expect(won).toHaveLength(1);
    for (const { value } of won) await value[Symbol.asyncDispose]();
    expect((await readdir(dirname(folder.path))).sort()).toEqual(["audit.jsonl", "audit.jsonl.head"]);
  });

  test("is not given up to a rival that gives up itself, and cuts the question off", async () => {
    await using folder = await logFolder();
    const rival = createServer((socket) => {
      socket.destroy();
      rival.close();
    });
    await new Promise<void>((resolve) => void rival.listen({ path: `${folder.path}.lock.0000` }, resolve));

    await using audit = await folder.open();

    expect(await audit.append([register("a")])).toHaveLength(1);
  });

  test("that can't be had (a path too long for a socket) is warned of, and the log works", async () => {
    await using folder = await logFolder();
    const path = folder.path.replace("audit.jsonl", `${"d".repeat(120)}/audit.jsonl`);
    const warned: object[] = [];
    await using audit = await folder.open({ path, log: { ...silent, warn: (fields) => warned.push(fields) } });
    await audit.append([register("a")]);
    expect(warned).toMatchObject([{ reason: "its path is too long for a socket" }]);
  });
});

describe("opening", () => {
  test("says what is wrong with the place, in one line", async () => {
    await using folder = await logFolder();
    await mkdir(folder.path);
    await expect(folder.open()).rejects.toThrow(
      /^audit log .*: can't be opened: .*EISDIR.*; name a writable file with audit.path$/,
    );
    await symlink("/proc/nowhere", `${folder.path}2`);
    await expect(openAudit({ path: `${folder.path}2/x`, node: "n", log: silent, now: Date.now })).rejects.toThrow(
      /^audit log .*can't be opened/,
    );
  });

  test("does not read a large file", async () => {
    await using folder = await logFolder();
    {
      await using audit = await folder.open();
      await audit.append([register("a")]);
    }
    const [line = ""] = await folder.lines();
    await writeFile(folder.path, `${"x".repeat(60 * 1024 * 1024)}\n${line}\n`);
    const before = performance.now();
    await using audit = await folder.open();
    expect(performance.now() - before).toBeLessThan(500);
    expect((await audit.append([register("b")]))[0]?.seq).toBe(2);
  });
});
