/** Which Kong it is, and in what it differs from others for us (facts/kong.md §9). */
import { RequestError } from "../../failure.ts";
import { parseAnswer } from "../../http.ts";
import type { AdminClient } from "./admin.ts";
import { Node } from "./answers.ts";

export interface Dialect {
  /** As it says, for messages. */
  readonly version: string;
  /** Up to 2.1: each write of a target is a further row, and weight 0 without tags means deleted. */
  readonly keepsHistory: boolean;
  /** Up to 2.8: `POST` overwrites a target that is there, so one has to look first. */
  readonly overwrites: boolean;
  /** Up to 2.4.0: `/targets` leaves out weight 0. */
  readonly hidesDrained: boolean;
  /** Up to 2.8: a path with unusual characters is a regular expression. */
  readonly guessesRegex: boolean;
}

export interface KongNode {
  readonly dialect: Dialect;
  readonly isDbless: boolean;
}

const OLDEST = "2.0";

/** Throws an Error that says why not, if Muster can't work with this version. */
export function dialectOf(version: string): Dialect {
  const [, major = "", minor = "", patch = "0"] = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(version) ?? [];
  if (major === "") throw new Error(`it says that its version is ${JSON.stringify(version)}, which can't be read`);
  const number = Number(major) * 1_000_000 + Number(minor) * 1000 + Number(patch);
  if (number < 2_000_000) throw new Error(`Kong ${version} is too old: Muster needs ${OLDEST} or later`);
  return {
    version,
    keepsHistory: number < 2_002_000,
    overwrites: number < 3_000_000,
    hidesDrained: number < 2_004_001,
    guessesRegex: number < 3_000_000,
  };
}

/**
 * Asks the node what it is.
 * @param isDbless whether the configuration says that it has no database
 * Rejects with a RequestError if Muster can't or must not work with it.
 */
export async function readNode(admin: AdminClient, isDbless: boolean, signal: AbortSignal): Promise<KongNode> {
  const answer = await admin.send({ method: "GET", path: "/", global: true }, [], signal);
  const { version, configuration } = parseAnswer(Node, answer);
  const node = { dialect: supported(version), isDbless: configuration.database === "off" };
  if (configuration.role === "data_plane") {
    throw refused(`${admin.where} is a data plane: name the Admin API of the control plane`);
  }
  if (node.isDbless && !isDbless) {
    throw refused(`${admin.where} has no database: say dbless: {} to let Muster post its whole configuration`);
  }
  if (!node.isDbless && isDbless) throw refused(`${admin.where} has a database: remove dbless`);
  return node;
}

function supported(version: string): Dialect {
  try {
    return dialectOf(version);
  } catch (cause) {
    throw refused(cause instanceof Error ? cause.message : String(cause));
  }
}

/** Somebody may replace the node, so it is worth asking again. */
function refused(message: string): RequestError {
  return new RequestError(message, { retry: true, ambiguous: false });
}
