/** Plain requests to the simulator, for tests of the simulator itself. */
import type { Marathon } from "./marathon.ts";

/** @param path without prefix; redirects are not followed */
export async function get(marathon: Marathon, path: string, init: RequestInit = {}, node = 0) {
  const response = await fetch(`${marathon.urls[node]}${path}`, { redirect: "manual", ...init });
  const text = await response.text();
  const isJson = text !== "" && response.headers.get("content-type") === "application/json";
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}

export function order(marathon: Marathon, method: string, path: string, body?: unknown) {
  return get(marathon, path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
}

export async function appIds(marathon: Marathon): Promise<readonly string[]> {
  const { body } = await get(marathon, "/v2/apps");
  return body.apps.map(({ id }: { id: string }) => id);
}
