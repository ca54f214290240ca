/** All references, by their path below docs/reference. */
import { cliPage } from "./cli.ts";
import { configurationPage } from "./configuration.ts";
import { labelsPage } from "./labels.ts";
import { metricsPage } from "./metrics.ts";
import { tracesPage } from "./traces.ts";

/** @param root folder of the repository, with a slash at its end */
export async function references(root: URL): Promise<Readonly<Record<string, string>>> {
  return {
    "cli.md": cliPage(),
    "configuration.md": await configurationPage(root),
    "labels.md": labelsPage(),
    "metrics.md": metricsPage(),
    "traces.md": tracesPage(),
  };
}
