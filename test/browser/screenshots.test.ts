/**
 * The README's pictures: a shop on a real engine, in a real Consul and the fake Kong, with one of everything that the page can
 * show. Taken on demand only: MUSTER_SCREENSHOTS=docs/images npx vitest run test/browser/screenshots.test.ts
 */
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { BrowserContextOptions } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Muster, startMuster } from "../e2e/muster.ts";
import { type FakeKong, startFakeKong } from "../fakes/kong/kong.ts";
import { labAvailable } from "../lab/available.ts";
import { type Consul, startConsul } from "../lab/consul.ts";
import { type Engine, startEngine } from "../lab/engine.ts";
import { until } from "../lab/wait.ts";
import { row } from "./board.ts";
import { type Browser, startBrowser } from "./browser.ts";

const folder = process.env["MUSTER_SCREENSHOTS"];
const lab = [await labAvailable("engine"), await labAvailable("consul"), await labAvailable("chromium")];

/** Bytes; pictures in a README are looked at over slow lines. */
const MAX_BYTES = 250_000;

const DESKTOP = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

describe.skipIf(folder === undefined || lab.some(({ skip }) => skip))("pictures of the status page", () => {
  let engine: Engine;
  let consul: Consul;
  let kong: FakeKong;
  let muster: Muster;
  let browser: Browser;
  beforeAll(async () => {
    await mkdir(folder ?? "", { recursive: true });
    [engine, consul, kong, browser] = await Promise.all([
      startEngine(),
      startConsul(),
      startFakeKong(),
      startBrowser(),
    ]);
    muster = await startMuster(`
      node: { id: node-1, address: ${engine.address} }
      sources:
        docker: { host: "unix://${engine.socket}" }
        static:
          instances:
            - { service: marathon, address: 10.0.12.5, port: 8080 }
            - { service: mesos, address: 10.0.12.5, port: 5050 }
      registries:
        embedded: false
        consul: { url: "${consul.url}" }
        kong: { url: "${kong.url}" }`);
    await muster.ready();
    await openShop();
  });
  afterAll(async () => {
    await muster?.[Symbol.asyncDispose]();
    for (const each of [browser, kong, consul, engine]) await each?.[Symbol.asyncDispose]();
  });

  async function run(name: string, options: readonly string[], image = "lab/web:v1"): Promise<void> {
    const [service = name] = name.split(/-\d+$/);
    const labels = ["--label", `muster.name=${service}`, "--label", "muster.tags=shop"];
    await engine.docker(["run", "--detach", "--name", name, ...labels, ...options, image]);
  }

  async function openShop(): Promise<void> {
    const published = ["--publish", "8080"];
    const routed = (path: string) => [
      ...published,
      "--label",
      "muster.route.host=shop.example",
      "--label",
      `muster.route.path=${path}`,
    ];
    for (const number of [1, 2, 3, 4]) await run(`web-${number}`, routed("/"));
    for (const number of [1, 2, 3]) await run(`cart-${number}`, routed("/cart"));
    for (const number of [1, 2]) await run(`search-${number}`, routed("/search"), "lab/web:hc");
    await run("mail-1", published);
    await run("payment-1", published);
    await run("cart-beta-1", routed("/cart"));
    await run("orders-1", published, "lab/web:hc");
    await run("orders-2", published, "lab/web:hc");
    const states = (service: string) => async () =>
      (await muster.instances(`?service=${service}`)).map(({ state }) => state);
    const all = async (service: string, wanted: string) => {
      const isSo = async () => (await states(service)()).every((state) => state === wanted);
      await until(isSo, { timeoutMs: 20_000, what: `${service} ${wanted}` });
    };
    await all("orders", "ready");
    await all("search", "ready");
    await engine.docker(["exec", "orders-2", "touch", "/tmp/sick"]);
    const isSick = async () => (await states("orders")()).includes("pending");
    await until(isSick, { timeoutMs: 20_000, what: "a sick orders-2" });
    await engine.docker(["kill", "web-4"]);
    const [mail] = await muster.instances("?service=mail");
    const drain = {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ id: mail?.id }),
    };
    expect((await fetch(`${muster.url}/v1/drain`, drain)).status).toBe(200);
    const isRefused = async () =>
      (await muster.instances("?service=cart-beta")).some(({ registries }) => registries["kong"]?.state === "failed");
    await until(isRefused, { timeoutMs: 20_000, what: "the refusal of cart-beta's route" });
  }

  async function take(name: string, path: string, options: BrowserContextOptions, what: string): Promise<void> {
    const { page, complaints } = await browser.open(muster.url + path, { ...options, reducedMotion: "reduce" });
    await page.locator(".connection.is-live").waitFor();
    await page.locator(what).first().waitFor();
    if (path === "/" && options.isMobile !== true) await row(page, "orders").click();
    await page.mouse.move(0, 0);
    const file = join(folder ?? "", `${name}.png`);
    await page.screenshot({ path: file, animations: "disabled" });
    await page.context().close();
    expect(complaints).toEqual([]);
    expect((await stat(file)).size).toBeLessThan(MAX_BYTES);
  }

  for (const colorScheme of ["light", "dark"] as const) {
    it(`the board, ${colorScheme}`, () =>
      take(`status-${colorScheme}`, "/", { ...DESKTOP, colorScheme }, ".row.is-service"));
  }
  it("on a phone", () => take("status-phone", "/", PHONE, ".row.is-service"));
  it("a time line", async () => {
    const [instance] = await muster.instances("?service=search");
    await take("status-timeline", `/#/explain/${encodeURIComponent(instance?.id ?? "")}`, DESKTOP, ".track");
  });
  it("why something is not registered, on a phone at night", async () => {
    const [instance] = await muster.instances("?service=cart-beta");
    const options = { ...PHONE, colorScheme: "dark" } as const;
    await take("status-why", `/#/explain/${encodeURIComponent(instance?.id ?? "")}`, options, ".reason");
  });
});
