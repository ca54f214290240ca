/** The status page with 5,000 instances, by keyboard, and on narrow screens. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Muster, startMuster } from "../e2e/muster.ts";
import { labAvailable } from "../lab/available.ts";
import { until } from "../lab/wait.ts";
import { live, row } from "./board.ts";
import { type Browser, startBrowser } from "./browser.ts";

const { skip, reason } = await labAvailable("chromium");
const SERVICES = 200;
/** One of them is large. */
const LARGE = 1_020;
const EACH = 20;
/** However many there are, only what can be seen is drawn. */
const MOST_ROWS = 80;
const SOON = { timeoutMs: 10_000, everyMs: 20 };

describe.skipIf(skip)(`the status page with 5,000 instances ${reason}`, () => {
  let folder: string;
  /** What comes and goes. */
  let file: string;
  let browser: Browser;
  let muster: Muster;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "muster-many-"));
    file = join(folder, "more.json");
    await write([]);
    [browser, muster] = await Promise.all([
      startBrowser(),
      startMuster(`
        node: { id: n1, address: 10.0.0.1 }
        sources: { static: { file: ${file}, instances: ${JSON.stringify(fleet())} } }
        registries: { embedded: {} }`),
    ]);
    await muster.ready();
  });
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await muster?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const write = (instances: readonly object[]) => writeFile(file, JSON.stringify(instances));

  async function opened(options = {}): Promise<Page> {
    const { page } = await browser.open(muster.url, options);
    await live(page);
    await row(page, "service-000").waitFor();
    return page;
  }

  const count = (page: Page) => page.locator(".rows .row").count();

  it("draws what is seen, wherever one scrolls, and filters while one types", async () => {
    const page = await opened();
    expect(await page.locator(".verdict").textContent()).toContain("5,000 instances of 200 services");
    expect(await count(page)).toBeLessThan(MOST_ROWS);
    await row(page, "service-000").click();
    await until(
      async () => (await page.getByRole("treegrid").getAttribute("aria-rowcount")) === String(SERVICES + LARGE + 1),
      {
        ...SOON,
        what: "all rows",
      },
    );
    expect(await count(page)).toBeLessThan(MOST_ROWS);
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    await row(page, "service-199").waitFor();
    expect(await count(page)).toBeLessThan(MOST_ROWS);
    await page.evaluate(() => scrollTo(0, 0));
    await page.getByLabel("Search").fill("10.1.150.7:");
    await page.locator(".row.is-instance", { hasText: "10.1.150.7:1000" }).waitFor();
    expect(await count(page)).toBe(2);
    await page.context().close();
  });

  it("shows one that comes, and one that goes, among them", async () => {
    const page = await opened();
    await page.getByLabel("Search").fill("newcomer");
    await page.getByText("No instance matches").waitFor();
    await write([{ service: "newcomer", address: "10.9.9.9", port: 99 }]);
    await row(page, "newcomer").waitFor();
    await page.locator(".row.is-instance", { hasText: "10.9.9.9:99" }).waitFor();
    await write([]);
    await row(page, "newcomer").waitFor({ state: "detached" });
    await page.context().close();
  });

  it("can be used by keyboard alone", async () => {
    const page = await opened();
    const key = (name: string) => page.keyboard.press(name);
    const current = async (text: string) =>
      await page.locator(".row.is-current", { hasText: text }).waitFor({ timeout: 5_000 });
    await key("/");
    expect(await page.getByLabel("Search").evaluate((element) => element === document.activeElement)).toBe(true);
    await key("ArrowDown");
    await current("service-000");
    await key("ArrowDown");
    await current("service-001");
    await key("End");
    await current("service-199");
    await key("Home");
    await key("ArrowRight");
    await key("ArrowDown");
    await current("10.1.0.0:1000");
    // Where a screen reader is: the row that has the focus ring.
    const active = await page.getByRole("treegrid").getAttribute("aria-activedescendant");
    expect(await page.locator(`#${active}`).textContent()).toContain("10.1.0.0:1000");
    await key("Enter");
    await page.locator("dialog .track").waitFor();
    await key("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
    await key("ArrowLeft");
    await current("service-000");
    await key("ArrowLeft");
    await page.locator(".row.is-instance").first().waitFor({ state: "detached" });
    await key("1");
    await page.getByText("No instance matches").waitFor();
    await key("Escape");
    await row(page, "service-000").waitFor();
    await key("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await page.context().close();
  });

  it("needs no sideways scrolling on a phone, and has everything there, part by part", async () => {
    const page = await opened({ viewport: { width: 320, height: 640 }, isMobile: true, hasTouch: true });
    const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(await overflow()).toBeLessThanOrEqual(0);
    await page.getByRole("button", { name: "activity" }).tap();
    await page.getByText("From fact to registry").waitFor();
    expect(await overflow()).toBeLessThanOrEqual(0);
    await page.getByRole("button", { name: "systems" }).tap();
    await page.locator(".systems", { hasText: "static" }).waitFor();
    await page.getByRole("button", { name: "services" }).tap();
    await row(page, "service-001").tap();
    await page.locator(".row.is-instance").first().tap();
    await page.locator("dialog .track").waitFor();
    expect(await overflow()).toBeLessThanOrEqual(0);
    await page.context().close();
  });
});

function fleet(): readonly object[] {
  return Array.from({ length: SERVICES }, (_, index) => ({
    service: `service-${String(index).padStart(3, "0")}`,
    size: index === 0 ? LARGE : EACH,
    network: `10.1.${index}`,
  })).flatMap(({ service, size, network }) =>
    Array.from({ length: size }, (_, number) => ({
      service,
      address: `${network}.${number % 250}`,
      port: 1_000 + Math.floor(number / 250),
    })),
  );
}
