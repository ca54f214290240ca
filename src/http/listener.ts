/** The API as what Node's server asks. A module of its own, for it is loaded when somebody asks (server.ts). */
import { getRequestListener } from "@hono/node-server";
import { type ApiOptions, createApi } from "./api.ts";
import type { Listener } from "./server.ts";

export function createListener(options: ApiOptions): Listener {
  return getRequestListener(createApi(options).fetch);
}
