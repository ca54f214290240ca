/** Debian's Chromium, driven by playwright-core, and pages in it that tell what went wrong in them. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { tool } from "../lab/packages.ts";

export interface Browser extends AsyncDisposable {
  /** A page with cookies, storage and cache of its own. */
  open(url: string, options?: BrowserContextOptions): Promise<OpenPage>;
}

export interface OpenPage {
  readonly page: Page;
  /** What the page asked for: full addresses. */
  readonly requests: readonly string[];
  /** Errors that no code caught, and what the browser complained of, violations of the content security policy included. */
  readonly complaints: readonly string[];
}

const DESKTOP = { width: 1280, height: 860 };

/** Starts it (about 1 s); throws where it can't be had. */
export async function startBrowser(): Promise<Browser> {
  const { path, env } = await tool("chromium");
  const home = await mkdtemp(join(tmpdir(), "muster-browser-"));
  await writeFile(join(home, "fonts.conf"), fontsConf(home, join(dirname(path), "../../share/fonts")));
  const browser = await chromium.launch({
    executablePath: path,
    // Its sandbox needs a user that is not root; what it is shown here is our own.
    args: ["--no-sandbox", "--headless=new", "--disable-gpu"],
    env: { ...textEnv(env), HOME: home, FONTCONFIG_FILE: join(home, "fonts.conf") },
  });
  return {
    async open(url, options = {}) {
      const context = await browser.newContext({ viewport: DESKTOP, colorScheme: "light", ...options });
      const page = await context.newPage();
      const requests: string[] = [];
      const complaints: string[] = [];
      page.on("request", (request) => requests.push(request.url()));
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("console", (message) => {
        if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
      });
      await page.goto(url);
      return { page, requests, complaints };
    },
    async [Symbol.asyncDispose]() {
      await browser.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

function textEnv(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}

/** The same fonts on every machine, installed or not, so that pictures are the same. */
function fontsConf(cache: string, folder: string): string {
  const prefer = (generic: string, family: string) =>
    `<alias binding="strong"><family>${generic}</family><prefer><family>${family}</family></prefer></alias>`;
  return `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<dir>${folder}</dir><dir>/usr/share/fonts</dir><cachedir>${cache}</cachedir>
${prefer("system-ui", "Inter")}${prefer("sans-serif", "Inter")}${prefer("monospace", "DejaVu Sans Mono")}${prefer("ui-monospace", "DejaVu Sans Mono")}
</fontconfig>`;
}
