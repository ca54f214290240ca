/** A plan as a person reads it. Pure. */
import type { Style } from "../explain/text.ts";
import type { Json } from "../model.ts";
import { differences, type PlannedChange, type PlanReport, type RegistryPlan } from "./report.ts";

/** How the changes are coloured. */
export interface DiffStyle extends Pick<Style, "strong" | "bad" | "clean"> {
  added(text: string): string;
  removed(text: string): string;
  changed(text: string): string;
}

/** @param details tells the content of what is registered and deregistered as well, not only of what is updated */
export function planText(report: PlanReport, style: DiffStyle, details = false): string {
  const parts = report.registries.map((plan) => registryText(plan, report, { ...style, details }));
  const waiting = report.pending.map(({ service, instance, state, missing }) => {
    const what = state === "pending" ? `waits for ${missing.join(", ")}` : state;
    return `  ${style.clean(service)}  ${style.clean(instance)}  ${what}`;
  });
  if (waiting.length > 0) parts.push(`not registered yet:\n${waiting.join("\n")}\n`);
  if (report.standby !== null)
    parts.push(`${style.clean(report.standby)}: the leader's part is planned on the leader\n`);
  return [...parts, `${verdict(report)}\n`].join("\n");
}

function verdict({ registries, inSync, standby }: PlanReport): string {
  const failed = registries.filter(({ error }) => error !== null).length;
  const changes = registries.reduce((sum, plan) => sum + plan.changes.length, 0);
  if (registries.length === 0 && standby !== null) return "in sync: nothing is done from here";
  if (registries.length === 0) return "in sync: no registry is configured that could differ (embedded lives in memory)";
  if (inSync) return "in sync: nothing to change";
  const unread = failed === 0 ? "" : `${failed} of ${registries.length} registries can't be read; `;
  return `${unread}${changes} ${changes === 1 ? "change" : "changes"} pending; muster run would make them`;
}

interface Detailed extends DiffStyle {
  readonly details: boolean;
}

function registryText(plan: RegistryPlan, { node }: PlanReport, style: Detailed): string {
  const { clean } = style;
  const whose = plan.scope === "cluster" ? "the cluster" : `node ${clean(node)}`;
  const head = `${style.strong(clean(plan.registry))}, ${whose}`;
  if (plan.error !== null) return `${head}: ${style.bad("can't be read")}: ${clean(plan.error)}\n`;
  const lines = [
    `${head}: ${summary(plan)}`,
    ...plan.changes.flatMap((change) => changeLines(change, style)),
    ...plan.refused.map(
      (each) => `  ${style.bad("!")} ${clean(each.service)}  ${clean(each.instance)}: ${clean(each.error)}`,
    ),
    ...plan.kept.map(({ key, service, why }) => `  = ${clean(service)}  ${clean(key)} stays: ${clean(why)}`),
  ];
  return `${lines.join("\n")}\n`;
}

function summary({ changes, unchanged, kept, refused }: RegistryPlan): string {
  const count = (op: PlannedChange["op"]) => changes.filter((change) => change.op === op).length;
  const parts: readonly (readonly [number, string])[] = [
    [count("register"), "to register"],
    [count("update"), "to update"],
    [count("deregister"), "to deregister"],
    [refused.length, "refused"],
    [kept.length, "kept"],
  ];
  const said = parts.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`);
  return [...said, `${unchanged} as they should be`].join(", ");
}

function changeLines({ op, key, service, endpoint, before, after }: PlannedChange, style: Detailed): readonly string[] {
  const name = `${style.clean(service)}  ${style.clean(key)}${endpoint === null ? "" : `  ${style.clean(endpoint)}`}`;
  if (op === "register") return [`  ${style.added(`+ ${name}`)}`, ...contentLines(after, style)];
  if (op === "deregister") return [`  ${style.removed(`- ${name}`)}`, ...contentLines(before, style)];
  return [
    `  ${style.changed(`~ ${name}`)}`,
    ...differences(before, after).map(
      (each) => `      ${style.clean(each.path || "it")}: ${shown(each.before, style)} → ${shown(each.after, style)}`,
    ),
  ];
}

/** Leaf by leaf, without what is empty. */
function contentLines(content: Json, style: Detailed): readonly string[] {
  if (!style.details) return [];
  const empty = Array.isArray(content) ? [] : {};
  return differences(empty, content)
    .filter(({ after }) => after !== null && JSON.stringify(after) !== "[]" && JSON.stringify(after) !== "{}")
    .map(({ path, after }) => `      ${style.clean(path || "it")}: ${shown(after, style)}`);
}

const MAX_VALUE = 120;

function shown(value: Json | undefined, { clean }: DiffStyle): string {
  if (value === undefined) return "(none)";
  const text = clean(JSON.stringify(value));
  return text.length <= MAX_VALUE ? text : `${text.slice(0, MAX_VALUE - 1)}…`;
}
