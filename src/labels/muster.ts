/** Muster's own labels: `muster.KEY` for all ports of a task, `muster.PORT.KEY` for one. */
import { type Meaning, type Rule, setting } from "./layers.ts";
import { metaPair } from "./meta.ts";
import { nearest } from "./nearest.ts";
import { failClosed } from "./parse.ts";
import * as values from "./values.ts";

export const MUSTER_PREFIX = "muster.";

const NO_ROUTE = "no route is made";

const RULES: ReadonlyMap<string, Rule> = new Map([
  ["enable", setting("enable", values.booleanValue)],
  ["name", setting("name", values.nameValue)],
  ["port", setting("ports", values.portsValue)],
  ["network", setting("network", values.networkValue)],
  ["tags", setting("tags", values.tagsValue)],
  ["weight", setting("weight", values.weightValue)],
  ["check.http", setting("checkHttp", values.checkPathValue)],
  ["check.https", setting("checkHttps", values.checkPathValue)],
  ["check.tcp", setting("checkTcp", values.tcpValue)],
  ["check.grpc", setting("checkGrpc", values.grpcValue)],
  ["check.ttl", setting("checkTtl", values.periodValue)],
  ["check.method", setting("checkMethod", values.methodValue)],
  ["check.interval", setting("checkInterval", values.periodValue)],
  ["check.timeout", setting("checkTimeout", values.periodValue)],
  ["check.deregister-after", setting("checkDeregisterAfter", values.durationValue)],
  ["check.tls-skip-verify", setting("checkSkipVerify", values.booleanValue)],
  ["route.host", setting("routeHosts", failClosed(values.hostsValue, "refused", NO_ROUTE))],
  ["route.path", setting("routePaths", failClosed(values.routePathsValue, "refused", NO_ROUTE))],
  ["route.strip-path", setting("routeStripPath", values.booleanValue)],
  ["route.priority", setting("routePriority", values.priorityValue)],
  [
    "alb.target-group",
    setting("albTargetGroups", failClosed(values.targetGroupsValue, [], "it joins no target group")),
  ],
  ["drain", setting("drain", values.durationValue)],
  ["stop-gate", setting("stopGate", values.stopGateValue)],
  ["readiness-gate", setting("readinessGate", values.booleanValue)],
]);

/** What may come after the prefix; besides, `meta.KEY`. */
export const MUSTER_KEYS: readonly string[] = [...RULES.keys()];
const META = "meta.";
/** They are about a task as a whole. */
const OF_TASK: readonly string[] = ["stop-gate", "readiness-gate"];
const OF_PORT = /^([1-9]\d{0,4})\.(.+)$/s;

/** @param label a key that starts with `muster.` */
export function interpretMuster(label: string): Meaning {
  const rest = label.slice(MUSTER_PREFIX.length);
  const [, digits, specific] = OF_PORT.exec(rest) ?? [];
  const port = digits === undefined ? null : Number(digits);
  const key = specific ?? rest;

  if (port !== null && port > 65_535) return { refusal: "expected a port from 1 to 65535 after 'muster.'" };
  if (port !== null && key === "port") return { refusal: "ports to expose belong into muster.port" };
  if (port !== null && OF_TASK.includes(key))
    return { refusal: `it is about the whole task: say ${MUSTER_PREFIX}${key}` };
  if (key.startsWith(META)) return { port, rule: metaPair(key.slice(META.length)) };
  const rule = RULES.get(key);
  return rule === undefined ? { refusal: unknownKey(key, digits) } : { port, rule };
}

function unknownKey(key: string, digits: string | undefined): string {
  if (key === "id") return "Muster names its registrations itself, so that no label can take another service's id";
  const suggestion = key === "meta" ? "meta.KEY" : nearest(key, MUSTER_KEYS);
  if (suggestion === null) return `there is no such key; there are ${MUSTER_KEYS.join(", ")} and meta.KEY`;
  const scope = digits === undefined ? "" : `${digits}.`;
  return `there is no such key; did you mean ${MUSTER_PREFIX}${scope}${suggestion}?`;
}
