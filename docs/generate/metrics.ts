/** docs/reference/metrics.md: the metrics that are really exported. */
import { createMetrics } from "../../src/metrics.ts";
import { code, page, section, table } from "./markdown.ts";

const INTRODUCTION = `\`GET /metrics\` in Prometheus' text format; beyond loopback with the token of \`http.tokenFile\`. \`deploy/observability\` has alert rules and
a Grafana dashboard that use them. Besides Muster's own there are Node's usual \`process_*\` and \`nodejs_*\`, but for the
event loop's delays over time, which cost 1 % of a core; \`nodejs_eventloop_lag_seconds\` is measured at a scrape.

A registry that serves two scopes of one Muster (this node's tasks, and the cluster's while it leads) is one here.`;

const OUTCOMES = `\`op\` is \`register\`, \`update\` or \`deregister\`; \`outcome\` is \`ok\`, \`refused\` (the registry will not have it, whoever asks again) or
\`failed\` (tried again).`;

export function metricsPage(): string {
  const all = createMetrics({ scopes: () => [] }).describe();
  const rows = all
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, type, labels, help }) => [code(name), type, labels.map(code).join(", "), help]);
  return page("Metrics reference", INTRODUCTION, [
    section("Metrics", table([["name", "type", "labels", "what"], ...rows]), OUTCOMES),
  ]);
}
