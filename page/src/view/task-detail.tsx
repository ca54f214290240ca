import type { TaskExplanation } from "../../../src/http/explain.ts";
import { agoText } from "../format.ts";
import { serverNow } from "../live/api.ts";
import { cellState, endpointText, stateOf } from "../states.ts";
import { StateWord } from "./glyph.tsx";
import { Timeline } from "./timeline.tsx";
import { Track } from "./track.tsx";

interface TaskDetailProps {
  readonly task: TaskExplanation;
  /** Else its time line is folded. */
  readonly isOnly: boolean;
}

export function TaskDetail({ task, isOnly }: TaskDetailProps) {
  return (
    <section class="task">
      {task.isOver && <p class="banner">It is over; this is what is remembered of it.</p>}
      {task.reasons.map(({ why, remedy }) => (
        <ReasonText key={why} what="not registered" why={why} remedy={remedy} />
      ))}
      {task.instances.map((instance) => (
        <InstanceDetail key={instance.id} instance={instance} task={task} />
      ))}
      <details open={isOnly}>
        <summary>Time line</summary>
        <Timeline entries={task.timeline} />
      </details>
      {task.instances.map((instance) => (
        <InstanceFacts key={instance.id} instance={instance} />
      ))}
      <Facts
        facts={[
          ["task", task.task],
          ["node", task.node],
          ["source", task.source],
          ["image", task.image],
          ["version", task.version],
          ["notes", task.notes.join("\n")],
        ]}
      />
      <p class="muted hint">
        In a terminal: <code class="wrap">muster explain {shellWord(task.instances[0]?.id ?? task.task)}</code>
      </p>
    </section>
  );
}

type ExplainedInstance = TaskExplanation["instances"][number];

function InstanceDetail({ instance, task }: { readonly instance: ExplainedInstance; readonly task: TaskExplanation }) {
  const registries = Object.keys(instance.registries);
  return (
    <div class="instance">
      <p class="instance-head">
        <span class="mono wrap">{endpointText(instance)}</span>
        <StateWord state={stateOf(instance)} />
        {instance.health !== "none" && <span class="muted">health {instance.health}</span>}
      </p>
      {instance.reasons
        .filter(({ registry }) => registry === null || cellState(instance, registry) !== "none")
        .map(({ registry, why, remedy }) => (
          <ReasonText
            key={`${registry} ${why}`}
            what={registry === null ? "not ready" : `not in ${registry}`}
            why={why}
            remedy={remedy}
          />
        ))}
      <Track timeline={task.timeline} instance={instance} />
      <table class="places">
        <thead>
          <tr>
            <th scope="col">Registry</th>
            <th scope="col">State</th>
            <th scope="col">Since</th>
            <th scope="col">Key</th>
          </tr>
        </thead>
        <tbody>
          {registries.map((registry) => {
            const view = instance.registries[registry];
            return (
              <tr key={registry}>
                <th scope="row">{registry}</th>
                <td>
                  <StateWord state={cellState(instance, registry)} />
                </td>
                <td title={view?.since ?? undefined}>{view?.since == null ? "–" : agoText(view.since, serverNow())}</td>
                <td class="mono wrap">
                  {view?.key ?? "–"}
                  {view?.detail !== undefined && <span class="muted"> {JSON.stringify(view.detail)}</span>}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function InstanceFacts({ instance }: { readonly instance: ExplainedInstance }) {
  const routes = instance.routes.map(({ hosts, paths }) => `${hosts.join(", ")} ${paths.join(", ")}`.trim());
  return (
    <Facts
      facts={[
        ["id", instance.id],
        ["ports", portsOf(instance)],
        ["tags", instance.tags.join(", ")],
        ["meta", pairs(instance.meta)],
        ["routes", routes.join("\n")],
        ["notes", instance.notes.join("\n")],
      ]}
    />
  );
}

interface ReasonProps {
  readonly what: string;
  readonly why: string;
  readonly remedy: string | null;
}

function ReasonText({ what, why, remedy }: ReasonProps) {
  return (
    <div class="reason wrap">
      <p>
        <b>{what}:</b> {why}
      </p>
      {remedy !== null && <p class="remedy">{remedy}</p>}
    </div>
  );
}

/** Names and values; those without a value are left out. */
function Facts({ facts }: { readonly facts: readonly (readonly [string, string | null])[] }) {
  const known = facts.flatMap(([name, value]) => (value === null || value === "" ? [] : [{ name, value }]));
  return (
    <dl class="facts">
      {known.map(({ name, value }) => (
        <div class="fact" key={name}>
          <dt>{name}</dt>
          <dd class="wrap">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function portsOf({ containerPort, servicePort, portName }: ExplainedInstance): string {
  const ports = [
    ...(containerPort === null ? [] : [`container ${containerPort}`]),
    ...(servicePort === null ? [] : [`service ${servicePort}`]),
    ...(portName === null ? [] : [`named ${portName}`]),
  ];
  return ports.join(", ");
}

function pairs(meta: Readonly<Record<string, string>>): string {
  return Object.entries(meta)
    .map(([key, value]) => `${key}=${value}`)
    .join("\n");
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
