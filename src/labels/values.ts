/** Values of labels: from text to what `Metadata` holds, or to one reason why not. */
import type { Protocol } from "../model.ts";
import { parseDuration } from "../schema.ts";
import { list, mapped, scalar } from "./parse.ts";
import { isServiceName } from "./service-name.ts";
import { byteLength, isPrintable } from "./text.ts";

const MAX_TAG_BYTES = 255;
/** A week: JavaScript's timers wrap at 24.8 days. */
const MAX_DURATION = 7 * 24 * 3_600_000;

/** Those that ask a program to end. */
const GATE_SIGNALS = ["SIGTERM", "SIGINT", "SIGQUIT"] as const;

const YES: ReadonlySet<string> = new Set(["true", "1", "yes"]);
const NO: ReadonlySet<string> = new Set(["false", "0", "no"]);

function toBoolean(text: string): boolean | undefined {
  const word = text.toLowerCase();
  if (YES.has(word)) return true;
  return NO.has(word) ? false : undefined;
}

export const booleanValue = scalar(toBoolean, "expected true or false");

/** On, unless it says false: Registrator takes any text as on. */
export const flagValue = scalar((text) => toBoolean(text) ?? true, "");

export const nameValue = scalar(
  (text) => (isServiceName(text) ? text : undefined),
  "expected at most 63 letters, digits, '-' and '_', starting and ending with a letter or digit",
);

export const networkValue = scalar(
  (text) => (isPrintable(text) && text.length <= 255 ? text : undefined),
  "expected the name of a network, at most 255 characters",
);

export const weightValue = scalar(
  (text) => wholeNumber(text, 1, 65_535),
  "expected a whole number from 1 to 65535; to take an instance out of service use `muster drain`",
);

export const priorityValue = scalar((text) => wholeNumber(text, 0, 50_000), "expected a whole number from 0 to 50000");

function wholeNumber(text: string, min: number, max: number): number | undefined {
  if (!/^\d{1,9}$/.test(text)) return undefined;
  const number = Number(text);
  return number >= min && number <= max ? number : undefined;
}

/** ms */
export const durationValue = scalar(
  (text) => within(parseDuration(text), 0),
  "expected a duration of at most 168h such as 30s (units: ms, s, m, h)",
);

/** With or without `SIG`, in any case. */
export const stopGateValue = scalar(
  (text) => GATE_SIGNALS.find((signal) => signal === text.toUpperCase() || signal === `SIG${text.toUpperCase()}`),
  `expected the signal that ends the task, ${GATE_SIGNALS.join(", ")}`,
);

/** ms, more than 0 */
export const periodValue = scalar(
  (text) => within(parseDuration(text), 1),
  "expected a duration above zero and of at most 168h such as 10s (units: ms, s, m, h)",
);

/** ms; as Go and so Registrator writes it, `1m30s` included */
export const goDurationValue = scalar((text) => within(parseGoDuration(text), 0), "expected a duration such as 1m30s");

/** ms, more than 0 */
export const goPeriodValue = scalar(
  (text) => within(parseGoDuration(text), 1),
  "expected a duration above zero such as 1m30s",
);

function within(duration: number | null, min: number): number | undefined {
  return duration === null || duration < min || duration > MAX_DURATION ? undefined : duration;
}

const GO_UNITS: ReadonlyMap<string, number> = new Map([
  ["ns", 1e-6],
  ["us", 1e-3],
  ["µs", 1e-3],
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

function parseGoDuration(text: string): number | null {
  if (!/^(?:\d{1,12}(?:\.\d{1,9})?(?:ns|us|µs|ms|s|m|h)){1,8}$/.test(text)) return null;
  let sum = 0;
  for (const [, number, unit = ""] of text.matchAll(/([\d.]+)([^\d.]+)/g)) {
    sum += Number(number) * (GO_UNITS.get(unit) ?? Number.NaN);
  }
  return Math.round(sum);
}

/**
 * A path that starts with one `/`: neither `//host/x` nor `/\host/x` may make a URL parser take it for a host.
 * Visible ASCII only; the rest has to be percent-encoded.
 */
const PATH = /^\/(?!\/)[!$-;=?-[\]_a-z~]*$/;

export const checkPathValue = scalar(
  (text) => (PATH.test(text) ? text : undefined),
  "expected a path that starts with one '/', such as /health, with other characters percent-encoded",
);

export const methodValue = scalar(
  (text) => (/^[a-z]{1,16}$/i.test(text) ? text.toUpperCase() : undefined),
  "expected an HTTP method such as GET",
);

/** On (true), off (taken back). */
export const tcpValue = mapped(booleanValue, onOrNothing);

export function onOrNothing(on: boolean): true | null {
  return on ? true : null;
}

/** The gRPC service to ask for; empty: the whole server; off is taken back. */
export const grpcValue = scalar((text) => {
  const on = toBoolean(text);
  if (on !== undefined) return on ? "" : null;
  return /^[A-Za-z_][A-Za-z0-9_.-]{0,127}$/.test(text) ? text : undefined;
}, "expected true, false or the name of a gRPC service");

export const statusValue = scalar((text): "passing" | "warning" | "critical" | undefined => {
  return text === "passing" || text === "warning" || text === "critical" ? text : undefined;
}, "expected passing, warning or critical");

export const tagsValue = list(
  (item) => (isPrintable(item) && byteLength(item) <= MAX_TAG_BYTES ? item : undefined),
  `expected tags of at most ${MAX_TAG_BYTES} bytes without control characters`,
);

const HOST = /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

export const hostsValue = list((item) => {
  const host = item.toLowerCase();
  return host.length <= 253 && HOST.test(host) ? host : undefined;
}, "expected host names such as www.example.com or *.example.com, without scheme or port");

export const routePathsValue = list(
  (item) => (PATH.test(item) && !item.includes("?") ? item : undefined),
  "expected paths that start with one '/', without a query, such as /shop",
);

const TARGET_GROUP = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const TARGET_GROUP_ARN =
  /^arn:[a-z0-9-]+:elasticloadbalancing:[a-z0-9-]*:\d*:targetgroup\/[A-Za-z0-9-]{1,32}\/\w{1,32}$/;

export const targetGroupsValue = list(
  (item) => (TARGET_GROUP.test(item) || TARGET_GROUP_ARN.test(item) ? item : undefined),
  "expected names or ARNs of target groups",
);

const PORT = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/i;

/** `8080`, `53/udp`; tcp where nothing is said. */
export const portsValue = mapped(
  list((item) => {
    const [, digits = "", protocol = "tcp"] = PORT.exec(item) ?? [];
    const port = wholeNumber(digits, 1, 65_535);
    return port === undefined ? undefined : `${port}/${protocol.toLowerCase()}`;
  }, "expected ports from 1 to 65535 such as 8080 or 53/udp"),
  (ports) => ports.map(toPort),
);

function toPort(text: string): { readonly port: number; readonly protocol: Protocol } {
  const [port, protocol] = text.split("/");
  return { port: Number(port), protocol: protocol === "udp" || protocol === "sctp" ? protocol : "tcp" };
}
