/** Marathon's REST API, as far as it is read. */
import type { TlsMaterial } from "../../connections.ts";
import { createHttpClient, type HttpAnswer, type HttpClient } from "../../http.ts";
import { readAppAnswer, readApps, readDefinition } from "./apps.ts";
import type { Subject } from "./asks.ts";
import type { Auth } from "./auth.ts";
import { MarathonError, refusal, unreachable } from "./errors.ts";
import { fieldsOf, text } from "./fields.ts";
import { encodeAppId } from "./ids.ts";
import { readPodSpec, readPodStatus, readPodStatuses } from "./pods.ts";
import type { AppReport, Definition, Listing } from "./shapes.ts";

export interface Info {
  /** e.g. `1.9.109`; null if it does not say. */
  readonly version: string | null;
  readonly frameworkId: string | null;
  /** `host:port`. */
  readonly leader: string | null;
}

/** All of it rejects with a `MarathonError`, or with `signal.reason`. */
export interface Client extends AsyncDisposable {
  info(signal: AbortSignal): Promise<Info>;
  apps(withTasks: boolean, signal: AbortSignal): Promise<Listing>;
  /** null: this Marathon has no pods. */
  pods(signal: AbortSignal): Promise<Listing | null>;
  /** An app or pod with its tasks; null: it does not exist. */
  app(subject: Subject, signal: AbortSignal): Promise<AppReport | null>;
  /** A definition at a version; null: not known there (any more, or yet). */
  definition(subject: Subject, version: string, signal: AbortSignal): Promise<readonly Definition[] | null>;
}

export interface ClientOptions {
  /** Name of the source, for messages. */
  readonly name: string;
  /** Without a trailing slash; with its path prefix. */
  readonly url: string;
  /** Credentials; null for a host that must not have them. */
  readonly auth: Auth | null;
  /** ms for one answer. */
  readonly timeout: number;
  readonly tls: TlsMaterial;
}

/** 50,000 tasks are about 50 MB. */
const MAX_BYTES = 256 * 1024 * 1024;

const WITH_TASKS = "?embed=apps.tasks&embed=apps.deployments&embed=apps.readiness";

export function createClient({ name, url, auth, timeout, tls }: ClientOptions): Client {
  const http: HttpClient = createHttpClient({ url, timeout, tls, connections: 6, maxBytes: MAX_BYTES });

  return {
    async info(signal) {
      const info = fieldsOf(await json("/v2/info", signal)) ?? {};
      return { version: text(info, "version"), frameworkId: text(info, "frameworkId"), leader: text(info, "leader") };
    },
    async apps(withTasks, signal) {
      const path = `/v2/apps${withTasks ? WITH_TASKS : ""}`;
      return understood(path, readApps(await json(path, signal)));
    },
    async pods(signal) {
      const path = "/v2/pods/::status";
      const answer = await send(path, signal);
      // Before 1.4 there are none; plugins may hide them.
      if ([403, 404, 405, 501].includes(answer.status)) return null;
      return understood(path, readPodStatuses(bodyOf(path, answer)));
    },
    async app({ app, isPod }, signal) {
      const id = encodeAppId(app);
      const path = isPod ? `/v2/pods${id}::status` : `/v2/apps${id}?embed=app.tasks&embed=app.readiness`;
      const answer = await jsonOr404(path, signal);
      if (answer === null) return null;
      return understood(path, isPod ? readPodStatus(answer) : readAppAnswer(answer));
    },
    async definition({ app, isPod }, version, signal) {
      const [id, of] = [encodeAppId(app), encodeURIComponent(version)];
      const path = isPod ? `/v2/pods${id}::versions/${of}` : `/v2/apps${id}/versions/${of}`;
      const fields = fieldsOf(await jsonOr404(path, signal));
      if (fields === null) return null;
      const one = isPod ? null : readDefinition(fields);
      const definitions = isPod ? readPodSpec(fields) : one === null ? [] : [one];
      // What it calls itself may be written in another way; we asked for this version of this app.
      return understood(path, definitions.length === 0 ? null : definitions.map((each) => ({ ...each, app, version })));
    },
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  };

  async function json(path: string, signal: AbortSignal): Promise<unknown> {
    return bodyOf(path, await send(path, signal));
  }

  async function jsonOr404(path: string, signal: AbortSignal): Promise<unknown> {
    const answer = await send(path, signal);
    return answer.status === 404 ? null : bodyOf(path, answer);
  }

  async function send(path: string, signal: AbortSignal): Promise<HttpAnswer> {
    for (let attempt = 1; ; attempt++) {
      const answer = await attemptOnce(path, signal);
      if (answer.status !== 401 || attempt > 1 || auth?.refused() !== true) return answer;
    }
  }

  async function attemptOnce(path: string, signal: AbortSignal): Promise<HttpAnswer> {
    try {
      const headers = (await auth?.headers(signal)) ?? {};
      return await http.send({ method: "GET", path, headers }, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw unreachable(name, url, error);
    }
  }

  function bodyOf(path: string, { status, text: body }: HttpAnswer): unknown {
    const what = `GET ${path.replace(/\?.*/, "")}`;
    if (status !== 200) throw refusal(name, url, what, status);
    try {
      return JSON.parse(body);
    } catch {
      // No cause: it would quote the answer, which may repeat what it was sent.
      throw new MarathonError(`${name}: ${url} answered ${what} with something that is not JSON`);
    }
  }

  /** An answer that isn't understood must never look like an empty one. */
  function understood<T>(path: string, answer: T | null): T {
    if (answer !== null) return answer;
    throw new MarathonError(
      `${name}: ${url} answered GET ${path.replace(/\?.*/, "")} in an unknown form – is it a Marathon?`,
    );
  }
}
