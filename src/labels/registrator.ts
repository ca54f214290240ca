/**
 * Registrator's grammar: `SERVICE_ATTR` and `SERVICE_PORT_ATTR`, labels and environment (facts/peers.md §3.1, §3.6).
 * Left out are its defects: reversed tags, ignoring on `false`, secrets in meta, one bad attribute refusing it all.
 */
import { type Meaning, type Rule, setting } from "./layers.ts";
import { metaPair } from "./meta.ts";
import { nearest } from "./nearest.ts";
import { mapped } from "./parse.ts";
import * as values from "./values.ts";

export const REGISTRATOR_PREFIX = "SERVICE_";

/** Only a true value ignores. */
const ignoreValue = mapped(values.booleanValue, (ignored) => (ignored ? false : null));
const onValue = mapped(values.flagValue, values.onOrNothing);

const RULES: ReadonlyMap<string, Rule> = new Map([
  ["name", setting("name", values.nameValue)],
  ["tags", setting("tags", values.tagsValue)],
  ["ignore", setting("enable", ignoreValue)],
  ["check_http", setting("checkHttp", values.checkPathValue)],
  ["check_http_method", setting("checkHttpMethod", values.methodValue)],
  ["check_https", setting("checkHttps", values.checkPathValue)],
  ["check_https_method", setting("checkHttpsMethod", values.methodValue)],
  ["check_ttl", setting("checkTtl", values.goPeriodValue)],
  ["check_tcp", setting("checkTcp", onValue)],
  [
    "check_grpc",
    setting(
      "checkGrpc",
      mapped(onValue, () => ""),
    ),
  ],
  ["check_grpc_use_tls", setting("checkGrpcTls", onValue)],
  ["check_tls_skip_verify", setting("checkSkipVerify", values.flagValue)],
  ["check_interval", setting("checkInterval", values.goPeriodValue)],
  ["check_timeout", setting("checkTimeout", values.goPeriodValue)],
  ["check_initial_status", setting("checkInitialStatus", values.statusValue)],
  ["check_deregister_after", setting("checkDeregisterAfter", values.goDurationValue)],
]);

const COMMAND =
  "Muster runs no commands, and Consul takes no script checks by default; use an http, tcp, grpc or ttl check";

const REFUSED: ReadonlyMap<string, string> = new Map([
  ["id", "Muster names its registrations itself, so that no label can take another service's id"],
  ["check_cmd", COMMAND],
  ["check_script", COMMAND],
]);

/** What may come after the prefix, in lower case. */
export const REGISTRATOR_ATTRIBUTES: readonly string[] = [...RULES.keys()];
const CHECK_ATTRIBUTES = REGISTRATOR_ATTRIBUTES.filter((attribute) => attribute.startsWith("check_"));
const OF_PORT = /^(\d+)_(.+)$/s;

/**
 * @param label a key that starts with `SERVICE_`
 * @param mayBeMeta whether an attribute that is none of Registrator's own may go to the meta
 * @returns null for an attribute that may not
 */
export function interpretRegistrator(label: string, mayBeMeta: (attribute: string) => boolean): Meaning | null {
  const rest = label.slice(REGISTRATOR_PREFIX.length);
  const [, digits, specific] = OF_PORT.exec(rest) ?? [];
  const port = digits === undefined ? null : Number(digits);
  const attribute = (specific ?? rest).toLowerCase();

  const rule = RULES.get(attribute);
  const refusal = REFUSED.get(attribute) ?? unknownCheck(attribute, rule);
  if (refusal !== null) return { refusal };
  if (rule === undefined && !mayBeMeta(attribute)) return null;
  if (port !== null && (port < 1 || port > 65_535)) {
    return { refusal: "expected a port from 1 to 65535 after 'SERVICE_'" };
  }
  return { port, rule: rule ?? metaPair(attribute) };
}

function unknownCheck(attribute: string, rule: Rule | undefined): string | null {
  if (rule !== undefined || !attribute.startsWith("check_")) return null;
  const suggestion = nearest(attribute, CHECK_ATTRIBUTES);
  const hint = suggestion === null ? "" : `; did you mean ${suggestion.toUpperCase()}?`;
  return `Registrator has no such check attribute${hint}`;
}
