import { readFileSync } from "node:fs";

let cached: string | null = null;

/** Muster's version, from its package.json: one folder up in the source, two in the build, three in the bundled program. */
export function version(): string {
  cached ??= readVersion(["../package.json", "../../package.json", "../../../package.json"]);
  return cached;
}

function readVersion(places: readonly string[]): string {
  for (const place of places) {
    try {
      const found: unknown = JSON.parse(readFileSync(new URL(place, import.meta.url), "utf8"));
      if (isOurs(found)) return found.version;
    } catch {
      // not there: the next place
    }
  }
  return "unknown";
}

function isOurs(value: unknown): value is { readonly version: string } {
  if (typeof value !== "object" || value === null || !("name" in value) || !("version" in value)) return false;
  return value.name === "muster" && typeof value.version === "string";
}
