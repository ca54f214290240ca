/** marathon-lb's labels as Muster's: vhosts and paths become routes, a blue/green pair one service. Pure. */
import { type Fields, texts } from "./fields.ts";

type Labels = Readonly<Record<string, string>>;

/** `HAPROXY_0_VHOST`: of one port, by its place among the app's ports. */
const OF_PORT = /^HAPROXY_(\d{1,3})_([A-Z0-9_]+)$/;

/** Understood, or without a meaning outside of HAProxy's own scaling scripts. */
const KNOWN = new Set([
  "HAPROXY_GROUP",
  "HAPROXY_DEPLOYMENT_GROUP",
  "HAPROXY_DEPLOYMENT_COLOUR",
  "HAPROXY_DEPLOYMENT_ALT_PORT",
  "HAPROXY_DEPLOYMENT_STARTED_AT",
  "HAPROXY_DEPLOYMENT_TARGET_INSTANCES",
  "HAPROXY_DEPLOYMENT_NEW_INSTANCES",
  "HAPROXY_APP_ID",
]);
const KNOWN_OF_PORT = new Set(["VHOST", "PATH", "ENABLED", "GROUP", "PORT", "MODE"]);

/**
 * App labels, with the service name that `HAPROXY_DEPLOYMENT_GROUP` stands for: its two app ids act as one service
 * (facts/marathon.md, anomaly 34).
 */
export function appLabels(labels: Labels): Labels {
  const group = labels["HAPROXY_DEPLOYMENT_GROUP"];
  return group === undefined || labels["muster.name"] !== undefined ? labels : { ...labels, "muster.name": group };
}

/**
 * A port declaration's labels, with the route that the app's `HAPROXY_n_VHOST` and `_PATH` stand for.
 * @param index place of the declaration among the app's ports
 * @param port by which `muster.PORT.KEY` labels mean it; an explicit route for it, or for all, wins
 */
export function portLabels(declaration: Fields, app: Labels, index: number, port: number | null): Labels {
  const own = texts(declaration, "labels");
  const hosts = commaList(app[`HAPROXY_${index}_VHOST`]);
  // As in marathon-lb, a path alone routes nothing, and a port can be switched off.
  if (hosts === "" || /^(false|0|no|off)$/i.test(app[`HAPROXY_${index}_ENABLED`] ?? "")) return own;
  if (hasRoute(own, null) || hasRoute(app, null) || (port !== null && hasRoute(app, port))) return own;
  const paths = commaList(app[`HAPROXY_${index}_PATH`]);
  return { "muster.route.host": hosts, ...(paths !== "" && { "muster.route.path": paths }), ...own };
}

/** Names of marathon-lb's labels that have no meaning here, sorted; never values, which may be secrets (`_AUTH`). */
export function unusedLabels(labels: Labels, portCount: number): readonly string[] {
  return Object.keys(labels)
    .filter((key) => key.startsWith("HAPROXY_") && !isUsed(key, labels, portCount))
    .sort((a, b) => (a < b ? -1 : 1));
}

function isUsed(key: string, labels: Labels, portCount: number): boolean {
  const match = OF_PORT.exec(key);
  if (match === null) return KNOWN.has(key);
  const [, index = "", what = ""] = match;
  if (!KNOWN_OF_PORT.has(what) || Number(index) >= portCount) return false;
  return what !== "PATH" || commaList(labels[`HAPROXY_${index}_VHOST`]) !== "";
}

function hasRoute(labels: Labels, port: number | null): boolean {
  const prefix = port === null ? "muster.route." : `muster.${port}.route.`;
  return Object.keys(labels).some((key) => key.startsWith(prefix));
}

/** marathon-lb takes vhosts between commas, and paths between spaces. */
function commaList(value: string | undefined): string {
  return (value ?? "")
    .split(/[\s,]+/)
    .filter(Boolean)
    .join(",");
}
