/** The HTTP API of contract 5.4. It reads the world and the reconcilers; the only things it can do are drain and resync. */
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import * as v from "valibot";
import type { Audit } from "../audit.ts";
import type { Instance, Logger } from "../model.ts";
import { parseSince } from "../schema.ts";
import type { Scope } from "../scope.ts";
import type { InstanceChange, SourceView } from "../world.ts";
import { createEvents } from "./events.ts";
import { explain } from "./explain.ts";
import { type FactFeed, facts } from "./facts.ts";
import { FACTS_PATH } from "./facts-path.ts";
import { requireLocalHost, requireToken } from "./guard.ts";
import { openApi } from "./openapi.ts";
import { page } from "./page.ts";
import { problem } from "./problem.ts";
import { limitRate } from "./rate-limit.ts";
import { ready } from "./ready.ts";
import { ALIVE } from "./server.ts";
import { instanceViews, serviceViews, sourceReport, timelineView } from "./view.ts";

export type ApiScope = Pick<Scope, "world" | "reconcilers">;

/** Hears of changes in all scopes, also in those that begin later. */
export interface ApiListener {
  changed(scope: ApiScope, changes: readonly InstanceChange[]): void;
  /** Entries of these instances were written. */
  wrote(scope: ApiScope, instances: readonly string[]): void;
  /** A registry's own state changed: it fails, it is back, its guard holds something. */
  registryChanged(scope: ApiScope, registry: string): void;
}

/** What the API needs of the running agent. */
export interface Agent {
  /** One for this node, and one for the cluster while this is the leader; empty while starting. */
  scopes(): readonly ApiScope[];
  /** The configured sources, from the start. */
  sources(): readonly SourceView[];
  /** null until it is opened. */
  audit(): Pick<Audit, "query"> | null;
  metrics(): Promise<{ readonly text: string; readonly contentType: string }>;
  /** Why it is not ready; empty when it is. */
  unready(): readonly string[];
  drain(ids: readonly string[], on: boolean): Promise<readonly string[]>;
  /** Asks all sources and registries for a full listing. */
  resync(): void;
  /** @returns a function that ends the subscription */
  subscribe(listener: ApiListener): () => void;
  now(): number;
  /** Whether `policy.dryRun` is on, so that nothing is written. */
  readonly dryRun: boolean;
}

export interface ApiOptions {
  readonly agent: Agent;
  /** null: no token is needed; loopback only. */
  readonly token: (() => Promise<string>) | null;
  /** A swarm's facts for other Musters; null: none are served. */
  readonly feed: FactFeed | null;
  readonly log: Logger;
}

const MAX_BODY_BYTES = 64 * 1024;
const MAX_AUDIT_RECORDS = 10_000;
const METHODS = ["GET", "POST"];
const STATES: readonly Instance["state"][] = ["pending", "ready", "draining"];

const DrainBody = v.union([
  v.strictObject({ id: v.pipe(v.string(), v.nonEmpty()), undo: v.optional(v.boolean()) }),
  v.strictObject({ service: v.pipe(v.string(), v.nonEmpty()), undo: v.optional(v.boolean()) }),
  v.strictObject({ node: v.pipe(v.string(), v.nonEmpty()), undo: v.optional(v.boolean()) }),
]);

export function createApi({ agent, token, feed, log }: ApiOptions): Hono {
  const app = new Hono();
  app.use(limitRate());
  app.route("/", page());
  app.use(requireToken(token));
  if (token === null) app.use(requireLocalHost);
  app.onError((error, context) => {
    if (error instanceof HTTPException && error.status === 413)
      return problem(context, 413, `the body may have at most ${MAX_BODY_BYTES} bytes`);
    log.error({ err: error, path: context.req.path }, "request failed");
    return problem(context, 500, "the request failed; the log says why");
  });
  app.notFound((context) => unknown(app, context));

  app.get("/healthz", (context) => context.json(ALIVE));
  app.get("/readyz", (context) => {
    const reasons = agent.unready();
    return reasons.length === 0
      ? context.json({ status: "ready" })
      : problem(context, 503, reasons.join("; "), { reasons });
  });
  app.get("/metrics", async (context) => {
    const { text, contentType } = await agent.metrics();
    return context.body(text, 200, { "content-type": contentType });
  });
  app.get("/openapi.json", (context) => context.json(openApi()));
  app.get(FACTS_PATH, (context) => facts(context, feed));
  addReads(app, agent);
  addActions(app, agent);
  return app;
}

/** No such path, or none for this method (RFC 9110 §15.5.6 wants those that there are). */
function unknown(app: Hono, context: Context): Response {
  const { method, path } = context.req;
  // What is for all methods are no answers, but looks at every request.
  const methods = METHODS.filter((one) => app.router.match(one, path)[0].some(([[, route]]) => route.method === one));
  if (methods.length === 0) {
    return problem(context, 404, `there is no ${method} ${path}; GET /openapi.json lists all paths`);
  }
  context.header("allow", methods.join(", "));
  return problem(context, 405, `${path} takes ${methods.join(" and ")} only, not ${method}`);
}

function addReads(app: Hono, agent: Agent): void {
  app.get("/v1/instances", (context) => {
    const { service, state, node } = context.req.query();
    if (state !== undefined && !(STATES as readonly string[]).includes(state)) {
      return problem(context, 400, `state: expected ${STATES.join(", ")}`);
    }
    const isChosen = (instance: Instance) =>
      (service === undefined || instance.service === service) &&
      (state === undefined || instance.state === state) &&
      (node === undefined || instance.node === node);
    return context.json({ instances: agent.scopes().flatMap((scope) => instanceViews(scope, isChosen)) });
  });
  app.get("/v1/instances/:id", (context) => {
    const id = context.req.param("id");
    const scope = agent.scopes().find(({ world }) => world.instance(id) !== null);
    const instance = scope?.world.instance(id) ?? null;
    if (scope === undefined || instance === null) {
      return problem(context, 404, "no such instance; GET /v1/instances lists them");
    }
    const [view] = instanceViews(scope, (other) => other.id === id);
    return context.json({ ...view, timeline: timelineView(scope.world.timeline.of(instance.task)) });
  });
  app.get("/v1/instances/:id/ready", (context) => ready(context, agent));
  app.get("/v1/explain", (context) => explain(context, agent));
  app.get("/v1/services", (context) => context.json({ services: serviceViews(agent.scopes()) }));
  app.get("/v1/sources", (context) => context.json({ sources: agent.sources().map(sourceReport) }));
  app.get("/v1/registries", (context) =>
    context.json({ registries: agent.scopes().flatMap(({ reconcilers }) => reconcilers.map((one) => one.view())) }),
  );
  app.get("/v1/audit", async (context) => {
    const { since, service, limit } = context.req.query();
    const from = since === undefined ? undefined : parseSince(since, agent.now());
    if (from === null)
      return problem(context, 400, "since: expected a time such as 2026-11-21T02:00:00Z or a duration such as 15m");
    const most = limit === undefined ? 100 : Number(limit);
    if (!Number.isInteger(most) || most < 1 || most > MAX_AUDIT_RECORDS)
      return problem(context, 400, `limit: expected a whole number from 1 to ${MAX_AUDIT_RECORDS}`);
    const audit = agent.audit();
    if (audit === null) return problem(context, 503, "the audit log is not open yet");
    const records = await audit.query({
      ...(from === undefined ? {} : { since: from }),
      ...(service === undefined ? {} : { service }),
      limit: most,
    });
    return context.json({ records });
  });
  app.get("/v1/events", createEvents(agent));
}

function addActions(app: Hono, agent: Agent): void {
  const isJson = (type: string | undefined) => /^application\/json\b/i.test(type ?? "");
  app.post("/v1/drain", bodyLimit({ maxSize: MAX_BODY_BYTES }), async (context) => {
    // A web page can't send this type to another site without asking first (CORS), so it can't drain anything.
    if (!isJson(context.req.header("content-type"))) return problem(context, 415, "send application/json");
    const body = v.safeParse(DrainBody, await context.req.json().catch(() => null));
    if (!body.success)
      return problem(context, 400, 'expected {"id": …}, {"service": …} or {"node": …}, and "undo": true to put back');
    const instances = agent.scopes().flatMap(({ world }) => [...world.instances()]);
    const ids = chosenBy(body.output, instances);
    if (ids.length === 0) return problem(context, 404, "no instance matches; GET /v1/instances lists them");
    const drained = await agent.drain(ids, body.output.undo !== true);
    return context.json({ instances: drained });
  });
  app.post("/v1/resync", (context) => {
    if (context.req.header("origin") !== undefined) return problem(context, 403, "not from a web page");
    agent.resync();
    return context.json({ status: "asked" }, 202);
  });
}

function chosenBy(choice: v.InferOutput<typeof DrainBody>, instances: readonly Instance[]): readonly string[] {
  const matches = (instance: Instance) => {
    if ("id" in choice) return instance.id === choice.id;
    if ("service" in choice) return instance.service === choice.service;
    return instance.node === choice.node;
  };
  return instances.filter(matches).map(({ id }) => id);
}
