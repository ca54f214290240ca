/** Marathon's bytes for as many tasks as one likes: what the simulator says of one, said of others. */
import { createCluster } from "../lab/marathon/cluster.ts";
import { read } from "../lab/marathon/routes.ts";
import { marathonAnswers } from "../marathon-answers.ts";

const APPS = 50;
const WITH_TASKS = "embed=apps.tasks&embed=apps.deployments&embed=apps.readiness";

type Cluster = ReturnType<typeof createCluster>;

/** An app with one task. */
export interface Template {
  /** Events of the task's start, as they stand on the stream. */
  readonly events: string;
  /** The app with its task in `GET /v2/apps`. */
  readonly listed: string;
  readonly app: string;
  /** What stands for the task in both. */
  readonly uuid: string;
  readonly port: number;
}

export function templatesOf() {
  const cluster = createCluster({ version: "1.10", agents: 50 });
  const templates = Array.from({ length: APPS }, (_, index) => templateOf(cluster, `/shop/app-${index}`));
  return { cluster, templates, answers: marathonAnswers(cluster) };
}

function templateOf(cluster: Cluster, id: string): Template {
  const events: string[] = [];
  let uuid = "";
  const stop = cluster.subscribe((event) => {
    if (!/^(status_update|instance_|health)/.test(event.eventType)) return;
    uuid = /instance-([0-9a-f-]{36})/.exec(JSON.stringify(event))?.[1] ?? uuid;
    events.push(`event: ${event.eventType}\r\ndata: ${JSON.stringify(event)}\r\n\r\n`);
  });
  cluster.deploy({ id, instances: 1, portDefinitions: [{ port: 0, name: "http" }] });
  stop();
  const port = cluster.truth().find(({ app }) => app === id)?.endpoints[0]?.port ?? 0;
  if (uuid === "") throw new Error("the simulator published no instance");
  return { events: events.join(""), listed: listedOf(cluster, id), app: id, uuid, port };
}

function listedOf(cluster: Cluster, id: string): string {
  const { traits, state } = cluster;
  const { body } = read({ traits, state, listed: state, leader: null }, "/v2/apps", new URLSearchParams(WITH_TASKS));
  const { apps } = JSON.parse(JSON.stringify(body)) as { readonly apps: readonly { readonly id: string }[] };
  return JSON.stringify(apps.find((app) => app.id === id));
}

/** The starts of tasks `from` to `to`, one after the other. */
export function batchOf(templates: readonly Template[], from: number, to: number): Buffer {
  let text = "";
  for (let index = from; index < to; index++) {
    const template = templates[index % templates.length];
    if (template !== undefined) text += ofTask(template.events, template, index);
  }
  return Buffer.from(text);
}

/** The answer to `GET /v2/apps`, of so many apps with one task each. */
export function listingOf(template: Template, apps: number): string {
  const names = [template.app.slice(1), template.app.slice(1).replaceAll("/", "_")];
  const all = Array.from({ length: apps }, (_, index) => {
    const text = ofTask(template.listed, template, index);
    return names.reduce((made, name) => made.replaceAll(name, `${name}x${index}`), text);
  });
  return `{"apps":[${all.join(",")}]}`;
}

/** The same of another task. */
function ofTask(text: string, { uuid, port }: Template, index: number): string {
  const ports = `"ports":[${10_000 + (index % 50_000)}]`;
  return text
    .replaceAll(uuid, `${index.toString(16).padStart(8, "0")}${uuid.slice(8)}`)
    .replaceAll(`"ports":[${port}]`, ports);
}
