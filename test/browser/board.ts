/** What the tests look at on the status page. */
import type { Locator, Page } from "playwright-core";

/** The row of a service, or of an instance by its id. */
export function row(page: Page, name: string): Locator {
  return page.locator(`[data-key="service ${name}"], [data-key="${name}"]`);
}

/** Resolves when the page has listed everything, and hears changes. */
export async function live(page: Page): Promise<void> {
  await page.locator(".connection.is-live").waitFor();
}

/** The text of what is shown of a service in a registry, e.g. `2 registered`. */
export async function cell(page: Page, service: string, registry: string): Promise<string> {
  const texts = await row(page, service).locator(".cell", { hasText: registry }).locator(".count").allTextContents();
  return texts.map((text) => text.replace(/\s+/g, " ").trim()).join(", ");
}
