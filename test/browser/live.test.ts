/** The status page in a real browser, over a real engine: what runs is on it, what ends is not, and why. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Muster, startMuster } from "../e2e/muster.ts";
import { labAvailable } from "../lab/available.ts";
import { type Engine, startEngine } from "../lab/engine.ts";
import { until } from "../lab/wait.ts";
import { cell, live, row } from "./board.ts";
import { type Browser, type OpenPage, startBrowser } from "./browser.ts";

const lab = [await labAvailable("engine"), await labAvailable("chromium")];
const reason = lab.map((each) => each.reason).find((text) => text !== "") ?? "";
const SOON = { timeoutMs: 10_000, everyMs: 20 };

describe.skipIf(lab.some(({ skip }) => skip))(`the status page, live ${reason}`, () => {
  let engine: Engine;
  let browser: Browser;
  let muster: Muster;
  let opened: OpenPage;
  beforeAll(async () => {
    [engine, browser] = await Promise.all([startEngine(), startBrowser()]);
    muster = await startMuster(`
      node: { id: n1, address: ${engine.address} }
      sources: { docker: { host: "unix://${engine.socket}" } }
      registries: { embedded: {} }`);
    await muster.ready();
  });
  afterAll(async () => {
    await muster?.[Symbol.asyncDispose]();
    await browser?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    opened = await browser.open(muster.url);
    await live(opened.page);
  });
  afterEach(async () => {
    await opened.page.context().close();
    // Also: nothing from elsewhere, and no violation of the content security policy, whatever a test did.
    expect(opened.requests.filter((url) => !url.startsWith(`${muster.url}/`))).toEqual([]);
    expect(opened.complaints).toEqual([]);
  });

  async function run(name: string, options: readonly string[] = [], image = "lab/web:v1"): Promise<string> {
    const args = ["run", "--detach", "--name", name, "--label", `muster.name=${name}`, "--publish", "8080"];
    return (await engine.docker([...args, ...options, image])).trim();
  }

  /** Of the one service that a search finds, whose instances are open by themselves. */
  async function open(query: string): Promise<void> {
    const { page } = opened;
    await page.getByLabel("Search").fill(query);
    await page.locator(".row.is-instance").first().click();
    await page.locator("dialog .task").waitFor();
  }

  it("says what to do where nothing runs, and shows a container that starts, and takes its row away when it dies", async () => {
    const { page } = opened;
    await page.getByText("No instances yet").waitFor();
    await run("web");
    await row(page, "web").waitFor();
    await until(async () => (await cell(page, "web", "embedded")) === "1 registered", { ...SOON, what: "registered" });
    expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("All that is ready is registered.");
    await engine.docker(["kill", "web"]);
    await row(page, "web").waitFor({ state: "detached" });
    await page.getByText("No instances yet").waitFor();
  });

  it("shows a sick one as pending, above what is well, and well again when it is cured", async () => {
    const { page } = opened;
    await run("alpha");
    await run("zeta", [], "lab/web:hc");
    const firstRow = page.locator(".row.is-service .row-name").first();
    await until(async () => (await cell(page, "zeta", "embedded")) === "1 registered", {
      ...SOON,
      what: "a healthy zeta",
    });
    expect(await firstRow.textContent()).toBe("alpha");
    await engine.docker(["exec", "zeta", "touch", "/tmp/sick"]);
    await until(async () => (await cell(page, "zeta", "embedded")) === "1 pending", { ...SOON, what: "a sick zeta" });
    expect(await firstRow.textContent()).toBe("zeta");
    await row(page, "zeta").click();
    await page.getByText("waits for health").waitFor();
    await engine.docker(["exec", "zeta", "rm", "/tmp/sick"]);
    await until(async () => (await cell(page, "zeta", "embedded")) === "1 registered", {
      ...SOON,
      what: "a cured zeta",
    });
  });

  it("draws the way from facts over complete and ready into the registry, and goes on with it while it is open", async () => {
    const { page } = opened;
    await run("shop");
    await row(page, "shop").waitFor();
    await open("shop");
    const lanes = page.locator(".track li");
    await until(async () => (await lanes.count()) === 4, { ...SOON, what: "four lanes" });
    expect(await page.locator(".track-name").allTextContents()).toEqual(["docker", "complete", "ready", "embedded"]);
    const [facts, ...times] = await page.locator(".track-time").allTextContents();
    expect(facts).toMatch(/^\d+ facts$/);
    for (const time of times) expect(time).toMatch(/^\+[\d.]+ m?s$/);
    const entries = page.locator(".timeline-entry");
    await entries.filter({ hasText: "shop: complete and ready" }).waitFor();
    await entries.filter({ hasText: /embedded\s*register .* done in/ }).waitFor();
    await engine.docker(["kill", "shop"]);
    await page.getByText("it has stopped").waitFor();
    await entries.filter({ hasText: "shop: over" }).waitFor();
    // Its address can be sent to somebody.
    expect(new URL(page.url()).hash).toMatch(/^#\/explain\/[0-9a-f]{64}%3A8080$/);
    await page.goBack();
    await page.locator("dialog").waitFor({ state: "detached" });
  });

  it("tells why a container without a port is not there", async () => {
    const { page } = opened;
    const id = (await engine.docker(["run", "--detach", "--name", "portless", "lab/sleep:v1"])).trim();
    await until(async () => (await fetch(`${muster.url}/v1/explain?of=${id}`)).ok, { ...SOON, what: "portless" });
    await page.getByLabel("Search").fill(id);
    await page.getByRole("link", { name: "Ask why" }).click();
    await page.getByText("it has no port that could be reached").waitFor();
    await page.getByText("publish a port (-p)").waitFor();
  });

  it("shows a hostile label as the text that it is", async () => {
    const { page } = opened;
    const hostile = `<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>`;
    await run("hostile", ["--label", `muster.tags=${hostile}`, "--label", `muster.meta.note=${hostile}`]);
    await row(page, "hostile").waitFor();
    await open("onerror");
    await page.locator("dd", { hasText: hostile }).first().waitFor();
    expect(await page.locator("img:not([src='/page/icon.svg']), #app script").count()).toBe(0);
    expect(await page.title()).toBe("Muster");
  });

  it("counts what was written, and how long it took from the event", async () => {
    const { page } = opened;
    await run("counted");
    const change = page.locator(".changes li", { hasText: "counted registered" });
    await change.waitFor();
    expect(await change.textContent()).toMatch(/\d+ ms/);
    expect(await page.locator(".charts").textContent()).toMatch(/[\d.]+ m?s median/);
    await engine.docker(["kill", "counted"]);
    await page.locator(".changes li", { hasText: "counted withdrawn" }).waitFor();
  });
});
