/** What the adapters' diagnoses share: findings, and how a clock and a failed look are told. */
import type { Finding } from "../src/model.ts";
import { messageOf } from "./failure.ts";
import type { HttpAnswer } from "./http.ts";

export function ok(what: string, text: string): Finding {
  return { what, level: "ok", text, fix: null };
}

export function warning(what: string, text: string, fix: string): Finding {
  return { what, level: "warning", text, fix };
}

export function problem(what: string, text: string, fix: string): Finding {
  return { what, level: "problem", text, fix };
}

/**
 * Looks once; whatever fails is a problem with this fix. Rejects with `signal.reason` on abort only.
 * @param fix a function may tell errors apart
 */
export async function look(
  what: string,
  fix: string | ((error: unknown) => string),
  attempt: () => Promise<Finding>,
  signal: AbortSignal,
): Promise<Finding> {
  try {
    return await attempt();
  } catch (error) {
    signal.throwIfAborted();
    return problem(what, messageOf(error), typeof fix === "string" ? fix : fix(error));
  }
}

const SET_CLOCKS = "let both machines set their clocks by NTP";
/** Beyond it times in logs mislead, ms. */
const NOTICEABLE_MS = 2_000;
/** Beyond it leases, signatures and tokens go wrong, ms. */
const HARMFUL_MS = 30_000;

/**
 * How far another clock is from ours.
 * @param theirs what it showed at some moment of a request, ms since the epoch; NaN: nothing
 * @param request when that began and ended by our clock, ms since the epoch
 * @param resolution what `theirs` is rounded down to, ms
 */
export function clockFinding(
  theirs: number,
  request: { readonly began: number; readonly ended: number },
  resolution: number,
): Finding {
  if (Number.isNaN(theirs)) return ok("clock", "it does not tell its time");
  const behind = Math.max(0, request.began - (theirs + resolution));
  const ahead = Math.max(0, theirs - request.ended);
  const skew = Math.max(behind, ahead);
  if (skew <= NOTICEABLE_MS) return ok("clock", "as ours");
  const text = `${Math.round(skew / 1000)} s ${behind > ahead ? "behind" : "ahead of"} ours`;
  return skew <= HARMFUL_MS ? warning("clock", text, SET_CLOCKS) : problem("clock", text, SET_CLOCKS);
}

/** By the `Date` header, which has whole seconds. */
function clockOf({ headers }: Pick<HttpAnswer, "headers">, request: { began: number; ended: number }): Finding {
  return clockFinding(Date.parse(String(headers["date"] ?? "")), request, 1000);
}

export interface Reached {
  /** null: there was none that can be worked with. */
  readonly answer: HttpAnswer | null;
  readonly findings: readonly Finding[];
}

/**
 * The first request: whether there is an answer, and what clock it shows.
 * @param where the server, for people
 * @param fix what to do where there is none
 */
export async function reach(
  { where, fix, now }: { readonly where: string; readonly fix: string; now(): number },
  send: () => Promise<HttpAnswer>,
  signal: AbortSignal,
): Promise<Reached> {
  const began = now();
  try {
    const answer = await send();
    return { answer, findings: [ok("reached", where), clockOf(answer, { began, ended: now() })] };
  } catch (error) {
    signal.throwIfAborted();
    return { answer: null, findings: [problem("reached", messageOf(error), fix)] };
  }
}

/** Numbers of a version such as `1.8.7` or `v1.8.7+ent`, and zeros for what it lacks; null if it is none. */
export function readVersion(text: string): readonly [number, number] | null {
  const match = /^v?(\d{1,4})\.(\d{1,4})/.exec(text);
  return match === null ? null : [Number(match[1]), Number(match[2])];
}

export function isAtLeast([major, minor]: readonly [number, number], wanted: readonly [number, number]): boolean {
  return major > wanted[0] || (major === wanted[0] && minor >= wanted[1]);
}
