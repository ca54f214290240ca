/** What the SDK throws, told apart by what to do about it (facts/alb.md §1.1, §1.4). */
import { messageOf, RequestError, statusError, transportError } from "../../failure.ts";

/** A call that failed; `message` is one line without the registry's name. */
export class AwsError extends RequestError {
  /** AWS's code without the suffix `Exception`; empty where AWS said nothing. */
  readonly code: string;

  constructor(code: string, message: string, options: ConstructorParameters<typeof RequestError>[1]) {
    super(message, options);
    this.name = "AwsError";
    this.code = code;
  }
}

export interface CallInfo {
  /** e.g. `RegisterTargets` */
  readonly action: string;
  readonly where: string;
  /** ms */
  readonly timeout: number;
  readonly secrets: readonly string[];
}

const THROTTLED = ["Throttling", "ThrottledException", "RequestLimitExceeded", "TooManyRequests", "SlowDown"];
/** They pass: the default chain fetches new credentials, clocks are set right. */
const EXPIRED = ["ExpiredToken", "RequestExpired", "TokenRefreshRequired"];
const DENIED = ["AccessDenied", "UnauthorizedOperation", "OperationNotPermitted", "OptInRequired"];
const BAD_CREDENTIALS = [
  "InvalidClientTokenId",
  "UnrecognizedClient",
  "SignatureDoesNotMatch",
  "MissingAuthenticationToken",
  "IncompleteSignature",
];

export function isThrottled(error: unknown): boolean {
  return error instanceof AwsError && THROTTLED.includes(error.code);
}

export function isExpired(error: unknown): boolean {
  return error instanceof AwsError && EXPIRED.includes(error.code);
}

export function hasCode(error: unknown, ...codes: readonly string[]): error is AwsError {
  return error instanceof AwsError && codes.includes(error.code);
}

export function isDenied(error: unknown): boolean {
  return hasCode(error, ...DENIED);
}

/** Whatever the SDK threw, as an {@link AwsError} or another RequestError. */
export function callError(error: unknown, info: CallInfo): RequestError {
  if (error instanceof RequestError) return error;
  const reads = info.action.startsWith("Describe");
  const status = statusOf(error);
  const text = redacted(messageOf(error), info.secrets);
  if (error instanceof Error && error.name === "CredentialsProviderError") return noCredentials(text, error);
  if (status === null) return unanswered(error, info, reads);
  const code = codeOf(error);
  if (code === "") return unreadable(text, status, reads);
  return answered(code, text, status, info.action, reads);
}

function answered(code: string, text: string, status: number, action: string, reads: boolean): AwsError {
  const say = (more: string) => `${action}: ${code}: ${text}${more}`;
  const sure = { status, ambiguous: false };
  if (THROTTLED.includes(code)) {
    return new AwsError(code, say(" (the account's limit on calls; see registries.alb.musters)"), {
      ...sure,
      retry: true,
    });
  }
  if (EXPIRED.includes(code)) return new AwsError(code, say(""), { ...sure, retry: true });
  if (DENIED.includes(code)) {
    const hint = `; allow elasticloadbalancing:${action} (deploy/aws/iam-policy.json)`;
    return new AwsError(code, say(hint), { ...sure, retry: false });
  }
  if (BAD_CREDENTIALS.includes(code)) {
    return new AwsError(code, say("; check the credentials"), { ...sure, retry: false });
  }
  const { retry, ambiguous } = statusError(status, text, reads);
  return new AwsError(code, say(""), { status, retry, ambiguous });
}

/** An answer, but not one of AWS's: a proxy's page, half an answer. */
function unreadable(text: string, status: number, reads: boolean): RequestError {
  if (status >= 300) {
    const { retry, ambiguous, message } = statusError(status, "", reads);
    return new RequestError(message, { status, retry, ambiguous });
  }
  return new RequestError(`the answer is not what was expected: ${text}`, { status, retry: true, ambiguous: !reads });
}

/** @returns what a call has that was answered with nothing we can read */
export function notUnderstood(action: string): RequestError {
  return unreadable(`no ${action}Result in it`, 200, action.startsWith("Describe"));
}

function unanswered(error: unknown, { where, timeout }: CallInfo, reads: boolean): RequestError {
  const isTimeout = error instanceof Error && error.name === "TimeoutError" && !hasSystemCode(error, "ECONNRESET");
  if (!isTimeout) return transportError(error, { where, reads });
  const message = `${where}: no answer within ${timeout} ms`;
  return new RequestError(message, { retry: true, ambiguous: !reads, cause: error });
}

function noCredentials(text: string, cause: Error): RequestError {
  const hint =
    "give the instance a role, with a metadata hop limit of 2 if Muster is in a container, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
  return new RequestError(`no AWS credentials (${text}): ${hint}`, { retry: true, ambiguous: false, cause });
}

/** The SDK's names are `InvalidTargetException` for declared errors, and the raw code for all others. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error) || ["Error", "Unknown", "SyntaxError"].includes(error.name)) return "";
  return error.name.replace(/Exception$/, "");
}

function statusOf(error: unknown): number | null {
  if (!(error instanceof Error) || !("$metadata" in error)) return null;
  const metadata = error.$metadata as { readonly httpStatusCode?: unknown } | undefined;
  return typeof metadata?.httpStatusCode === "number" ? metadata.httpStatusCode : null;
}

function hasSystemCode(error: Error, code: string): boolean {
  return "code" in error && error.code === code;
}

/** Signature errors quote what was sent. */
function redacted(text: string, secrets: readonly string[]): string {
  let clean = text
    .replace(/\s*Deserialization error: to see the raw response.*/s, "")
    .replace(/Signature=\w+/g, "Signature=***");
  for (const secret of secrets) if (secret !== "") clean = clean.replaceAll(secret, "***");
  return clean;
}
