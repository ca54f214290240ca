/**
 * What an unwelcome answer means. Vulcand's statuses say little: the beta has 400 for an etcd that is down, 0.9 has 500 for a
 * caller's mistake (facts/vulcand.md §2). So the message decides, and only what it leaves open is decided by the status.
 */
import * as v from "valibot";
import { RequestError, statusError } from "../../failure.ts";
import type { HttpAnswer } from "../../http.ts";
import { Failure } from "./answers.ts";

/** etcd did not do its part, or not in time: the write may be done later nevertheless (hazard 6). */
const ETCD =
  /peers are not reachable|etcd ?cluster|etcdserver|etcd member|connection refused|i\/o timeout|dial tcp|deadline exceeded|context canceled|\bEOF$|no leader|leader (?:changed|elect)/i;
/** Vulcand's own checks of what it is sent. Saying it again changes nothing. */
const MISTAKE =
  /unexpected end of JSON|^json: |^invalid |^time: |missing mandatory parameter|can ?not be empty|is not valid$|^unsupported |not supported|does not support|^supply |should be a valid|^Object not found$/i;
const IN_USE = /^can not delete backend '.*', it is in use by/;
const MISSING = /key not found|^object not found$/i;

/** @param reads whether the request was a read: then nothing can have been written */
export function answerError(answer: HttpAnswer, reads: boolean): RequestError {
  const { status } = answer;
  const message = messageIn(answer);
  const told = statusError(status, message ?? answer.text, reads);
  if (message === null || status === 429) return told;
  const fail = (retry: boolean, ambiguous: boolean, text = told.message) =>
    new RequestError(text, { status, retry, ambiguous: ambiguous && !reads });
  if (ETCD.test(message)) return fail(true, true);
  if (IN_USE.test(message)) return fail(false, false, "it is still used by frontends that were not made by Muster");
  // What it stands on is gone: another listing shows that, and it is made again.
  if (status === 404 && MISSING.test(message) && message !== "Object not found") return fail(true, true);
  if (MISTAKE.test(message)) return fail(false, false);
  return told;
}

/** Whether a deletion found nothing to delete: success. etcd v3 says 200 for it, the others 404. */
export function isMissing(answer: HttpAnswer): boolean {
  return answer.status === 404 && MISSING.test(messageIn(answer) ?? "");
}

/** Something of ours can't be done as things stand: not retried soon. */
export function refusal(message: string): RequestError {
  return new RequestError(message, { retry: false, ambiguous: false });
}

function messageIn({ text }: HttpAnswer): string | null {
  try {
    const result = v.safeParse(Failure, JSON.parse(text));
    return result.success ? result.output.message.trim() : null;
  } catch {
    return null;
  }
}
