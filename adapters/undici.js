/**
 * Of undici what Muster uses: `--alias:undici` puts this in its place when the program is bundled (package.json). undici's
 * own index loads fetch, WebSockets, caches and mocks as well, at every start (docs/decisions/013). By path, since the
 * alias holds for `undici/…` too; a release of undici that moves these files fails the build.
 */
import send from "../node_modules/undici/lib/api/api-request.js";
import { parseURL } from "../node_modules/undici/lib/core/util.js";
import Agent from "../node_modules/undici/lib/dispatcher/agent.js";
import { getGlobalDispatcher } from "../node_modules/undici/lib/global.js";

export { Agent };

/** As undici's, for a URL and without a callback. */
export function request(url, options = {}) {
  const { origin, pathname, search } = parseURL(url);
  const { dispatcher = getGlobalDispatcher(), method = options.body ? "PUT" : "GET" } = options;
  return send.call(dispatcher, { ...options, origin, path: `${pathname}${search}`, method });
}
