/**
 * What is probably a secret, by its key or by its looks. A guess that errs on the safe side: everything that is
 * registered can be read by everybody (a peer published `SERVICE_DB_PASSWORD`, facts/peers.md §3.8).
 */

const SECRET_WORDS =
  /passw(?:or)?d|passphrase|passcode|secret|token|credential|private|bearer|jwt|oauth|authorization|connection[_.-]?string/;
const SECRET_KEYS = /(?:api|access|auth|account|encryption|license|master|session|shared|signing|ssh|storage)[_.-]?key/;
const SHORT_WORDS = /(?:^|[^a-z])(?:auth|pass|pwd|pw|creds?|dsn|psk|hmac|cookie)(?:[^a-z]|$)/;

/** Whether a key (of a label, of a meta pair) says that its value is a secret. */
export function isSecretKey(key: string): boolean {
  const words = key.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase();
  return SECRET_WORDS.test(words) || SECRET_KEYS.test(words) || SHORT_WORDS.test(words);
}

const CREDENTIAL_SHAPES: readonly RegExp[] = [
  /(?:^|[:\s])\/\/[^\s/?#]*@/, // a URL with user information
  /(?:^|[:\s])\/\/[^\s/@:]{1,128}:(?!\d{1,5}\/)[^\s@]{1,256}@/, // the same, not encoded as it should be
  /(?:^|[\s,;"'=])[^\s/@:,;=]{1,64}:[^\s/@]{1,128}@(?!sha\d{3}:)[A-Za-z0-9[(]/, // the same without a scheme; no image digest
  /-----BEGIN [A-Z ]{0,40}(?:PRIVATE KEY|CERTIFICATE)/,
  /(?:^|[^A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/, // JSON web token
  /(?:^|[^A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}/, // AWS access key id
  /(?:^|[^A-Za-z0-9])(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|[sr]k_live_|hv[sb]\.)[A-Za-z0-9_-]{8,}/,
  /\$(?:apr1|2[abxy]?|[156]|argon2id?)\$\S{8}/, // a hashed password
  /(?:^|\s|[:=])(?:bearer|basic)\s+[A-Za-z0-9+/_=.~-]{8,}/i,
];

const PAIR_KEY =
  /passw(?:or)?d|passphrase|secret|token|credential|(?:api|access|account|private)[_-]?key|^(?:pwd|pass)$/i;
const MAX_PAIR_KEY = 64;

/** Whether a text looks like a secret or has one in it, whatever its key is called. */
export function looksSecret(text: string): boolean {
  return CREDENTIAL_SHAPES.some((shape) => shape.test(text)) || hasSecretPair(text);
}

/** `KEY=VALUE` or `KEY: VALUE`, as in connection strings, query strings and some tags. */
function hasSecretPair(text: string): boolean {
  const beforeSeparators = text.split(/[=:]/).slice(0, -1);
  return beforeSeparators.some((part) => {
    const [, key = ""] = /([A-Za-z0-9_-]+)["']?\s*$/.exec(part.slice(-MAX_PAIR_KEY)) ?? [];
    return PAIR_KEY.test(key);
  });
}
