/**
 * Takes secrets out of what people will read: audit records, error messages, the printed configuration. Judged by the
 * name of a key and by the look of a text. It errs on the side of hiding too much.
 */
import type { Json } from "./model.ts";

export const REDACTED = "[redacted]";

const SECRET_WORDS =
  "pass(?:word|wd|phrase)|secret|token|authorization|credential|private.?key|api.?key|(?:access|auth|session).?key";
const SECRET_KEY = new RegExp(`${SECRET_WORDS}|(?:^|[_.-])(?:pass|cookie)$`, "i");
/** `tokenFile: /run/secrets/x` names a secret but holds none. */
const NAMES_A_FILE = /file$/i;

// No pattern begins with an open-ended run: labels of 10 kB come by, and quadratic time would be an attack.
const USER_INFO = /\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#]*@/gi;
const ASSIGNMENT = new RegExp(
  `((?:${SECRET_WORDS})[\\w.-]{0,40})(\\\\?["']?\\s{0,3}[=:]\\s{0,3})(?!\\[redacted\\])(?:\\\\?"[^"]*"|'[^']*'|(?:(?:bearer|basic|token)\\s+)?[^\\s,;&"'}\\]]+)`,
  "gi",
);
const BEARER = /\b(bearer\s+)[\w.~+/=-]{8,}/gi;
const PRIVATE_KEY = /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}-----|$)/g;
const JSON_WEB_TOKEN = /\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*/g;
const AWS_KEY_ID = /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g;
/** What each of the patterns above needs: most texts have none of it, and are not searched six times. */
const SUSPECT = new RegExp(`${SECRET_WORDS}|bearer|:\\/\\/|-----BEGIN|eyJ|AKIA|ASIA`, "i");

/** Whether a value under this key is likely to be a secret itself (and not the name of a file that holds one). */
export function isSecretKey(key: string): boolean {
  return SECRET_KEY.test(key) && !NAMES_A_FILE.test(key);
}

/** Hides what looks like a secret within a text: URL credentials, `token=…`, bearer tokens, private keys, AWS key ids. */
export function redactText(text: string): string {
  if (!SUSPECT.test(text)) return text;
  return text
    .replace(PRIVATE_KEY, REDACTED)
    .replace(USER_INFO, `$1${REDACTED}@`)
    .replace(ASSIGNMENT, (whole: string, key: string, separator: string) =>
      NAMES_A_FILE.test(key) ? whole : `${key}${separator}${REDACTED}`,
    )
    .replace(BEARER, `$1${REDACTED}`)
    .replace(JSON_WEB_TOKEN, REDACTED)
    .replace(AWS_KEY_ID, REDACTED);
}

/** A copy without secrets, deeply. Everything under a secret-looking key goes; empty values, booleans and null stay. */
export function redact(value: Json): Json {
  if (typeof value === "string") return redactText(value);
  if (value === null || typeof value !== "object") return value;
  if (isList(value)) return value.map(redact);
  // fromEntries and not assignment, so that a key `__proto__` stays a key
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, redactEntry(key, inner)]));
}

function redactEntry(key: string, value: Json): Json {
  if (!isSecretKey(key) || value === null || value === "" || typeof value === "boolean") return redact(value);
  return REDACTED;
}

/** `Array.isArray` that narrows read-only arrays as well. */
function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
