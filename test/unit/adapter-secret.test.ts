import { chmod, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSecret } from "../../adapters/secret.ts";

describe("a secret in a file", () => {
  let folder: string;
  let file: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "muster-secret-"));
    file = join(folder, "token");
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  it.each(["s3cret", "s3cret\n", "s3cret\r\n"])("is read without its trailing newline: %j", async (content) => {
    await writeFile(file, content);

    expect(openSecret(file, "token").read()).toBe("s3cret");
  });

  it("is read again when it is rewritten or replaced, also by one of the same length", async () => {
    await writeFile(file, "one");
    const secret = openSecret(file, "token");
    expect(secret.read()).toBe("one");

    await writeFile(file, "two");
    expect(secret.read()).toBe("two");

    await writeFile(`${file}.new`, "six");
    await rename(`${file}.new`, file);
    expect(secret.read()).toBe("six");
  });

  it("follows a symbolic link that is swapped behind the path, as Kubernetes does", async () => {
    for (const [version, value] of [
      ["v1", "one"],
      ["v2", "two"],
    ] as const) {
      await mkdir(join(folder, version));
      await writeFile(join(folder, version, "token"), value);
    }
    await symlink("v1", join(folder, "..data"));
    await symlink("..data/token", file);
    const secret = openSecret(file, "token");
    expect(secret.read()).toBe("one");

    await symlink("v2", join(folder, "..new"));
    await rename(join(folder, "..new"), join(folder, "..data"));
    expect(secret.read()).toBe("two");
  });

  it("keeps its last value while its file is being replaced, but gives nothing stale when that was refused", async () => {
    await writeFile(file, "one");
    const secret = openSecret(file, "token");
    secret.read();

    await rm(file);
    expect(secret.read()).toBe("one");
    expect(() => secret.read({ fresh: true })).toThrow("no such file");
    await writeFile(file, "");
    expect(secret.read()).toBe("one");
  });

  it.each([
    ["an absent file", async () => {}, "no such file"],
    ["an empty file", () => writeFile(file, "\n"), "it is empty"],
    ["a folder", () => mkdir(file), "it is not a file"],
    ["several lines", () => writeFile(file, "hunter2\nhunter3\n"), "it must hold a single line of printable ASCII"],
    ["a huge file", () => writeFile(file, "hunter2".repeat(10_000)), "it is larger than 65536 bytes"],
  ])("refuses %s in one line that names the file and not its content", async (_, make, reason) => {
    await make();

    const read = () => openSecret(file, "Consul token").read();

    expect(read).toThrow(`cannot read the Consul token from ${file}: ${reason}`);
    expect(read).not.toThrow("hunter");
  });

  it.skipIf(process.getuid?.() === 0)("refuses a file that it may not read", async () => {
    await writeFile(file, "one");
    await chmod(file, 0);

    expect(() => openSecret(file, "token").read()).toThrow("permission denied");
  });
});
