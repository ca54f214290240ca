/** Muster's own part: who this node is, its secret files, its audit log, its API. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { lookAtSecretFiles } from "../config/secret-files.ts";
import type { Finding, NodeIdentity } from "../model.ts";
import type { DoctorOptions } from "./examine.ts";

export interface SelfExamination {
  readonly findings: readonly Finding[];
  /** As good as it is known. */
  readonly node: NodeIdentity;
}

/** The engine answers at once, or is away. ms */
const IDENTIFY_MS = 5_000;

export async function examineSelf(options: DoctorOptions, signal: AbortSignal): Promise<SelfExamination> {
  const { config } = options;
  const { node, finding } = await identity(options, signal);
  const findings = [finding, ...(await secretFiles(config)), await auditLog(config.audit.path), api(config.http)];
  return { node, findings };
}

async function identity({ config, parts, clock }: DoctorOptions, signal: AbortSignal) {
  const { id, address } = config.node;
  const stop = new AbortController();
  const cancel = clock.after(IDENTIFY_MS, () => stop.abort(new Error(`no answer within ${IDENTIFY_MS / 1000} s`)));
  let last: string | null = null;
  try {
    const node = await parts.identify(AbortSignal.any([signal, stop.signal]), (error) => {
      last = error;
    });
    return { node, finding: identityFinding(node) };
  } catch (error) {
    signal.throwIfAborted();
    const text = last ?? (error instanceof Error ? error.message : String(error));
    const finding = problem("node", text, "set node.id and node.address, or make the engine reachable");
    return { node: { id: id ?? hostname(), address: address ?? "127.0.0.1" }, finding };
  } finally {
    cancel();
  }
}

function identityFinding({ id, address }: NodeIdentity): Finding {
  if (isIP(address) !== 0 && (address.startsWith("127.") || address === "::1")) {
    const text = `${id} at ${address}, which other nodes can't reach`;
    return { what: "node", level: "warning", text, fix: "set node.address to an address that others reach" };
  }
  return ok("node", `${id} at ${address}`);
}

async function secretFiles(config: DoctorOptions["config"]): Promise<readonly Finding[]> {
  const files = await lookAtSecretFiles(config);
  return files.map(({ key, path, level, text, fix }) => ({ what: key, level, text: `${path}: ${text}`, fix }));
}

/** The log itself where there is one, else the folder that it will be made in. */
async function auditLog(path: string): Promise<Finding> {
  const what = "audit.path";
  try {
    const there = await stat(path).catch(() => null);
    if (there?.isDirectory() === true) {
      return problem(what, `${path} is a folder`, "name a file as audit.path");
    }
    await access(there === null ? dirname(path) : path, constants.W_OK);
    return ok(what, there === null ? `${path}: not there yet, and can be made` : `${path}: can be written`);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const why = code === "ENOENT" ? "its folder does not exist" : "permission denied";
    return problem(what, `${path}: ${why}`, "make the folder, let this user write there, or name another audit.path");
  }
}

function api({ listen, tokenFile }: DoctorOptions["config"]["http"]): Finding {
  const where = `${listen.host}:${listen.port}`;
  return ok("http.listen", tokenFile === null ? `${where}, for this machine alone` : `${where}, with a token`);
}

function ok(what: string, text: string): Finding {
  return { what, level: "ok", text, fix: null };
}

function problem(what: string, text: string, fix: string): Finding {
  return { what, level: "problem", text, fix };
}
