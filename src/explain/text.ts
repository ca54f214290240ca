/** An explanation in words. Pure; the texts in it come from labels and servers, so they are shown without control characters. */
import type { Reason } from "./reasons.ts";

/** An entry of a time line as the API gives it. */
export interface Entry {
  readonly time: string;
  readonly kind: string;
  readonly by: string;
  readonly text: string;
  readonly state?: { readonly instances: readonly string[]; readonly missing: readonly string[] } | undefined;
  readonly write?:
    | {
        readonly key: string;
        readonly op: string;
        readonly ok: boolean;
        readonly ms: number;
        readonly attempt: number;
        readonly error: string | null;
      }
    | undefined;
}

export interface ExplainedInstance {
  readonly id: string;
  readonly service: string;
  readonly address: string | null;
  readonly port: number | null;
  readonly protocol: string;
  readonly state: string;
  readonly health: string;
  readonly notes: readonly string[];
  readonly registries: Readonly<
    Record<string, { readonly state: string; readonly key: string | null; readonly since: string | null }>
  >;
  readonly reasons: readonly Reason[];
}

export interface ExplainedTask {
  readonly task: string;
  readonly source: string | null;
  readonly node: string | null;
  readonly services: readonly string[];
  readonly image: string | null;
  readonly isOver: boolean;
  readonly instances: readonly ExplainedInstance[];
  readonly reasons: readonly Reason[];
  readonly notes: readonly string[];
  readonly timeline: readonly Entry[];
}

export interface Explained {
  readonly of: string;
  readonly tasks: readonly ExplainedTask[];
  readonly more: number;
}

/** What the text is made with. */
export interface Style {
  /** A state as the API calls it, in its colour. */
  state(state: string): string;
  strong(text: string): string;
  weak(text: string): string;
  bad(text: string): string;
  /** Without control characters. */
  clean(text: string): string;
}

export function explanationText({ tasks, more }: Explained, style: Style): string {
  const parts = tasks.map((task) => taskText(task, style));
  if (more > 0) parts.push(`and ${more} more; name one of them, or ask with --json\n`);
  return parts.join("\n");
}

function taskText(task: ExplainedTask, style: Style): string {
  const { clean } = style;
  const name = task.services.length === 0 ? "task" : task.services.map(clean).join(", ");
  const where = task.node === null ? "" : ` on node ${clean(task.node)}`;
  const from = [task.source, task.image].flatMap((text) => (text === null ? [] : [clean(text)])).join(", ");
  const head = `${style.strong(name)}  task ${clean(task.task)}${where}${from === "" ? "" : ` (${from})`}`;
  const over = task.isOver ? [`  ${style.state("over")}: this is what is left of its time line`] : [];
  const lines = [
    head,
    ...over,
    ...task.reasons.flatMap((reason) => reasonLines(reason, "  ", "not registered", style)),
    ...task.notes.map((note) => `  note: ${clean(note)}`),
    ...task.instances.flatMap((instance) => instanceLines(instance, style)),
    ...timelineLines(task.timeline, style),
  ];
  return `${lines.join("\n")}\n`;
}

function instanceLines(instance: ExplainedInstance, style: Style): readonly string[] {
  const { clean, state } = style;
  const checked = instance.health === "none" ? "" : `, health ${clean(instance.health)}`;
  const registries = Object.entries(instance.registries).map(([name, { state: is }]) => `${clean(name)} ${state(is)}`);
  return [
    `  ${style.strong(clean(endpointOf(instance)))}  ${clean(instance.service)}  ${state(instance.state)}${checked}`,
    `    id ${clean(instance.id)}`,
    ...(registries.length === 0 ? [] : [`    ${registries.join(" · ")}`]),
    ...instance.reasons.flatMap((reason) =>
      reasonLines(reason, "    ", reason.registry === null ? "not ready" : `not in ${clean(reason.registry)}`, style),
    ),
    ...instance.notes.map((note) => `    note: ${clean(note)}`),
  ];
}

/** `10.0.0.1:80`, `[fd00::1]:53/udp`; `?` for what is not known yet. */
export function endpointOf({
  address,
  port,
  protocol,
}: Pick<ExplainedInstance, "address" | "port" | "protocol">): string {
  const host = address?.includes(":") ? `[${address}]` : (address ?? "?");
  return `${host}:${port ?? "?"}${protocol === "tcp" ? "" : `/${protocol}`}`;
}

function reasonLines({ why, remedy }: Reason, indent: string, what: string, style: Style): readonly string[] {
  const lines = [`${indent}${style.bad(what)}: ${style.clean(why)}`];
  if (remedy !== null) lines.push(`${indent}  remedy: ${style.clean(remedy)}`);
  return lines;
}

function timelineLines(entries: readonly Entry[], style: Style): readonly string[] {
  const width = Math.max(0, ...entries.map(({ by }) => style.clean(by).length));
  let before: Entry | null = null;
  const lines = entries.map((entry, index) => {
    const when = style.weak(whenOf(entry, before));
    before = entry;
    const filled = entry.kind === "state" ? filledBy(entries, index) : "";
    return `  ${when}  ${style.clean(entry.by).padEnd(width)}  ${wordsOf(entry, style)}${style.clean(filled)}`;
  });
  return lines.length === 0 ? [] : [`  ${style.weak("time line (UTC)")}`, ...lines];
}

/** The time of day, with the date where it is another day; and how long after the one before. */
function whenOf({ time }: Entry, before: Entry | null): string {
  const isSameDay = before !== null && before.time.slice(0, 10) === time.slice(0, 10);
  const at = isSameDay ? time.slice(11, 23).padStart(23) : time.slice(0, 23).replace("T", " ");
  const ms = before === null ? Number.NaN : Date.parse(time) - Date.parse(before.time);
  return `${at}  ${(Number.isNaN(ms) ? "" : `+${durationText(ms)}`).padStart(8)}`;
}

/** `3ms`, `1.2s`, `4m10s`, `2h5m` */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${Math.round(seconds % 60)}s`;
  return `${Math.floor(minutes / 60)}h${minutes % 60}m`;
}

const DONE: Readonly<Record<string, string>> = {
  register: "registered",
  update: "updated",
  deregister: "deregistered",
};

function wordsOf({ kind, text, write }: Entry, style: Style): string {
  if (kind === "notice") return `note: ${style.clean(text)}`;
  if (write === undefined) return style.clean(text);
  const attempt = write.attempt > 1 ? `, attempt ${write.attempt}` : "";
  if (!write.ok)
    return `${style.bad(`${write.op} failed`)} after ${durationText(write.ms)}${attempt}: ${style.clean(write.error ?? "")}`;
  return `${DONE[write.op] ?? style.clean(write.op)} ${style.clean(write.key)} in ${durationText(write.ms)}${attempt}`;
}

/** Which kinds of fact bring what an instance can miss. */
const BRINGS: Readonly<Record<string, string>> = {
  definition: "defined",
  address: "addressed",
  port: "addressed",
  node: "node",
  status: "status",
  health: "health",
};

/** Which read brought what the instances had missed until then. */
function filledBy(entries: readonly Entry[], index: number): string {
  const now = entries[index]?.state;
  if (now === undefined) return "";
  const concerns = ({ state }: Entry) => state?.instances.some((id) => now.instances.includes(id)) === true;
  const earlier = entries.slice(0, index);
  const last = earlier.findLastIndex(concerns);
  const missed = earlier[last]?.state?.missing ?? [];
  const filled = missed
    .filter((word) => !now.missing.includes(word))
    .flatMap((word) => {
      const fact = earlier.findLast((entry, at) => at > last && entry.kind === BRINGS[word]);
      return fact === undefined ? [] : [`${word} from ${fact.by}'s ${viaOf(fact)}`];
    });
  return filled.length === 0 ? "" : ` (${filled.join(", ")})`;
}

/** A fact's text ends with what made its source see it: `running (start)`. */
function viaOf({ text, kind }: Entry): string {
  return /\(([^()]*)\)$/.exec(text)?.[1] ?? kind;
}
