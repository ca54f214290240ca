/** Muster's checks ↔ Consul's. Pure. */
import type { Check, Health } from "../../../src/model.ts";
import { hostPort } from "../../endpoint.ts";

/** Consul's own terms for what is checked and how, as `PUT /v1/agent/service/register` takes them. */
export type CheckDefinition = Readonly<Record<string, string | boolean>>;

/**
 * A check of a service of ours. Consul never gives a definition back (`Definition` is empty, 1.8.7), so it is also kept
 * in the check's `Notes`, as JSON, where `list` finds it and a person in Consul's UI can read it.
 */
export type CheckSpec = {
  /** By position: a check whose definition changes keeps its id, and so its status; a new id would start critical. */
  readonly id: string;
  readonly name: string;
  readonly definition: CheckDefinition;
};

export interface CheckSubject {
  readonly id: string;
  readonly address: string;
  readonly port: number;
  readonly protocol: string;
  readonly health: Health;
  readonly checks: readonly Check[];
}

/** Consul raises what is below without a word (1.8.7), so it is raised here, with a note. ms */
const LEAST = { interval: 1000, ttl: 1000, deregisterAfter: 60_000 };
const DEFAULT_INTERVAL = 10_000;
const DEFAULT_TTL = 30_000;

/** @param notes gets what had to be left out or changed */
export function projectChecks(subject: CheckSubject, notes: string[]): readonly CheckSpec[] {
  const kept = subject.checks.filter((check) => isPossible(check, subject, notes));
  return kept.map((check, index) => ({
    id: checkId(subject.id, index + 1),
    name: nameOf(check),
    definition: definitionOf(check, subject, notes),
  }));
}

/** What the catalog's check is called while its service drains: there is no maintenance without an agent. */
const DRAINING = "draining: its task is about to stop, or was drained by hand";

/** The one check of a service in the catalog: nobody runs it, so its status is what Muster says it is. */
export function fixedCheck({ id, health }: Pick<CheckSubject, "id" | "health">, isDraining: boolean): CheckSpec {
  const isFit = !isDraining && (health === "passing" || health === "none");
  const name = isDraining ? DRAINING : "health as Muster knows it";
  return { id: checkId(id, 1), name, definition: { Status: isFit ? "passing" : "critical" } };
}

/** Whether a service in the catalog drains, by its checks as they are read back. */
export function isDrainingBy(checks: readonly CheckSpec[]): boolean {
  return checks.some(({ name }) => name === DRAINING);
}

/** The body for one check. */
export function checkBody({ id, name, definition }: CheckSpec): Readonly<Record<string, string | boolean>> {
  return { CheckID: id, Name: name, Notes: JSON.stringify(definition), ...definition };
}

export function checkId(service: string, position: number): string {
  return `${service}:check:${position}`;
}

/** @returns null for a check that is not ours: maintenance, or one that somebody else hung on our service */
export function checkPosition(service: string, id: string): number | null {
  const prefix = `${service}:check:`;
  return id.startsWith(prefix) ? Number(id.slice(prefix.length)) : null;
}

function isPossible({ type, target }: Check, { protocol }: CheckSubject, notes: string[]): boolean {
  if (type !== "ttl" && protocol !== "tcp") {
    notes.push(`check ${type} left out: the port is ${protocol}, which Consul can't check`);
    return false;
  }
  if (/[\s\p{Cc}]/u.test(target)) {
    notes.push(`check ${type} left out: its target has spaces or control characters`);
    return false;
  }
  return true;
}

function nameOf({ type, target, method }: Check): string {
  if (type === "http" || type === "https") return `${type} ${method ?? "GET"} ${rooted(target)}`;
  return target === "" ? type : `${type} ${target}`;
}

function definitionOf(check: Check, subject: CheckSubject, notes: string[]): CheckDefinition {
  const { type, deregisterAfter } = check;
  const status = statusOf(check, subject.health);
  const removal = deregisterAfter === null ? null : raised("deregisterAfter", deregisterAfter, type, notes);
  return {
    ...(type === "ttl"
      ? { TTL: goDuration(raised("ttl", check.ttl ?? DEFAULT_TTL, type, notes)) }
      : probe(check, subject, notes)),
    ...(removal !== null && { DeregisterCriticalServiceAfter: goDuration(removal) }),
    ...(status !== null && { Status: status }),
  };
}

function probe(check: Check, subject: CheckSubject, notes: string[]): CheckDefinition {
  const { type, timeout } = check;
  const interval = raised("interval", check.interval ?? DEFAULT_INTERVAL, type, notes);
  return {
    ...probed(check, hostPort(subject.address, subject.port)),
    Interval: goDuration(interval),
    ...(timeout !== null && timeout > 0 && { Timeout: goDuration(timeout) }),
  };
}

/** Requests go to the endpoint and nowhere else: the target comes after the authority, behind a slash. */
function probed({ type, target, method, tls }: Check, endpoint: string): CheckDefinition {
  switch (type) {
    case "http":
    case "https":
      return {
        HTTP: `${type}://${endpoint}${rooted(target)}`,
        ...(method !== null && { Method: method }),
        ...(type === "https" && tls.skipVerify && { TLSSkipVerify: true }),
      };
    case "grpc":
      return {
        GRPC: target === "" ? endpoint : `${endpoint}/${target}`,
        ...(tls.use && { GRPCUseTLS: true }),
        ...(tls.use && tls.skipVerify && { TLSSkipVerify: true }),
      };
    case "tcp":
      return { TCP: endpoint };
    case "ttl":
      return {};
    default:
      return type satisfies never;
  }
}

/**
 * The status of a *new* check; Consul keeps that of one it knows by its id, whatever is sent (1.8.7). Without it new
 * checks start critical: an instance known to be healthy would blink out. A TTL check is Muster's own word, and Muster
 * only registers what is fit.
 */
function statusOf({ type, initialStatus }: Check, health: Health): string | null {
  if (initialStatus !== null) return initialStatus;
  return health === "passing" || type === "ttl" ? "passing" : null;
}

function raised(what: keyof typeof LEAST, value: number, type: string, notes: string[]): number {
  const least = LEAST[what];
  if (value >= least) return value;
  notes.push(`check ${type}: ${what} raised from ${goDuration(value)} to ${goDuration(least)}, Consul's least`);
  return least;
}

function rooted(path: string): string {
  return path.startsWith("/") ? path : `/${path}`;
}

/** As Go writes durations. */
export function goDuration(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}
