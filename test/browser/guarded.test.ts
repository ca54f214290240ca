/** Who may see what: the token beyond loopback, and what the content security policy keeps out; the built program. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Program, runProgram } from "../e2e/program.ts";
import { labAvailable } from "../lab/available.ts";
import { freePorts } from "../lab/ports.ts";
import { live, row } from "./board.ts";
import { type Browser, startBrowser } from "./browser.ts";

const { skip, reason } = await labAvailable("chromium");
const TOKEN = "a-token-of-32-letters-or-so-4f1c";

describe.skipIf(skip)(`the status page, guarded ${reason}`, () => {
  let folder: string;
  let port: number;
  let browser: Browser;
  let muster: Program;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "muster-page-"));
    [port = 0] = await freePorts(1);
    await writeFile(join(folder, "token"), `${TOKEN}\n`);
    const instances = "- { service: mesos, address: 10.0.12.5, port: 5050 }\n";
    await writeFile(
      join(folder, "muster.yaml"),
      `node: { id: n1, address: 10.0.12.5 }
sources: { static: { file: ${join(folder, "instances.yaml")} } }
audit: { path: ${join(folder, "audit.jsonl")} }
http: { tokenFile: ${join(folder, "token")} }\n`,
    );
    await writeFile(join(folder, "instances.yaml"), instances);
    [browser, muster] = await Promise.all([startBrowser(), started()]);
  });
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await muster?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function started(): Promise<Program> {
    const program = runProgram(["-c", join(folder, "muster.yaml")], port, { MUSTER_HTTP__LISTEN: `0.0.0.0:${port}` });
    await program.ready();
    return program;
  }

  async function give(page: Page, token: string): Promise<void> {
    await page.getByLabel("Token").fill(token);
    await page.keyboard.press("Enter");
  }

  it("asks for the token, says when it is wrong, and keeps a right one for this tab alone", async () => {
    const { page } = await browser.open(muster.url);
    await page.getByText("This Muster asks for its token").waitFor();
    expect(await page.locator("body").textContent()).not.toContain("mesos");
    await give(page, "guessed");
    await page.getByRole("alert").waitFor();
    await give(page, TOKEN);
    await live(page);
    await row(page, "mesos").waitFor();
    await page.reload();
    await row(page, "mesos").waitFor();
    expect(await page.evaluate(() => JSON.stringify(localStorage) + document.cookie + location.href)).not.toContain(
      TOKEN,
    );
    const other = await page.context().newPage();
    await other.goto(muster.url);
    await other.getByText("This Muster asks for its token").waitFor();
    await page.context().close();
  });

  it("says that it has lost Muster, and is right again when Muster is back", async () => {
    const { page } = await browser.open(muster.url);
    await give(page, TOKEN);
    await row(page, "mesos").waitFor();
    await muster.kill();
    await page.locator(".connection.is-lost").waitFor();
    await row(page, "mesos").waitFor(); // what it last knew stays
    await writeFile(join(folder, "instances.yaml"), "- { service: marathon, address: 10.0.12.5, port: 8080 }\n");
    muster = await started();
    await live(page);
    await row(page, "marathon").waitFor();
    await row(page, "mesos").waitFor({ state: "detached" });
    await page.context().close();
  });

  it("runs no script that somebody got into the page", async () => {
    const { page, complaints } = await browser.open("about:blank");
    await page.route(`${muster.url}/`, async (route) => {
      const response = await route.fetch();
      const body = (await response.text()).replace(
        "<body>",
        `<body><script>document.title="taken"</script><img src="data:," onerror="document.title='taken'"><script src="data:text/javascript,document.title='taken'"></script>`,
      );
      await route.fulfill({ response, body });
    });
    await page.goto(muster.url);
    await page.getByText("This Muster asks for its token").waitFor();
    expect(await page.title()).toBe("Muster");
    expect(complaints.filter((text) => /content security policy/i.test(text)).length).toBeGreaterThanOrEqual(3);
    const markup = page.evaluate(() => {
      document.body.innerHTML = "<b>markup from text</b>";
    });
    await expect(markup).rejects.toThrow(/TrustedHTML/);
    await page.context().close();
  });

  it("is shown in no frame", async () => {
    const { page } = await browser.open("about:blank");
    await page.route(`${muster.url}/frame`, (route) =>
      route.fulfill({ contentType: "text/html", body: `<iframe src="${muster.url}/"></iframe>` }),
    );
    const refused = page.waitForEvent("console", (message) => /frame-ancestors/.test(message.text()));
    await page.goto(`${muster.url}/frame`);
    await refused;
    expect(await page.frameLocator("iframe").getByText("Muster").count()).toBe(0);
    await page.context().close();
  });
});
