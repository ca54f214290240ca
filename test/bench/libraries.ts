/** A process that has loaded what Muster loads with Docker and Consul, and does nothing: what of its memory is not its own. */
const LIBRARIES = ["@hono/node-server", "commander", "hono", "p-queue", "pino", "prom-client", "valibot", "yaml"];

await Promise.all(LIBRARIES.map((name) => import(name)));
process.send?.("ready");
process.on("disconnect", () => process.exit());
