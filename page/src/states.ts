/** The four states that the page tells apart, of an instance and of its place in each registry. Pure. */
import type { InstanceView } from "../../src/http/view.ts";

export type State = "failed" | "pending" | "draining" | "registered";
/** `none`: it does not belong into that registry. */
export type CellState = State | "none";

/** Failures first. */
export const STATES: readonly State[] = ["failed", "pending", "draining", "registered"];

export type Counts = Readonly<Record<State, number>>;

export const NO_COUNTS: Counts = { failed: 0, pending: 0, draining: 0, registered: 0 };

/** What an instance is in one registry. */
export function cellState(instance: InstanceView, registry: string): CellState {
  const view = Object.hasOwn(instance.registries, registry) ? instance.registries[registry] : undefined;
  if (view === undefined || view.state === "not-applicable") return "none";
  if (view.state === "failed") return "failed";
  return instance.state === "draining" ? "draining" : view.state;
}

/** The worst of what it is in its registries; what is not ready is pending everywhere. */
export function stateOf(instance: InstanceView): State {
  const cells = Object.keys(instance.registries).map((registry) => cellState(instance, registry));
  if (cells.includes("failed")) return "failed";
  if (instance.state === "draining") return "draining";
  return instance.state === "pending" || cells.includes("pending") ? "pending" : "registered";
}

export function worstOf(counts: Counts): State {
  return STATES.find((state) => counts[state] > 0) ?? "registered";
}

/** `10.0.0.1:80`, `[fd00::1]:53/udp`; `?` for what is not known yet. */
export function endpointText({ address, port, protocol }: Pick<InstanceView, "address" | "port" | "protocol">): string {
  const host = address?.includes(":") === true ? `[${address}]` : (address ?? "?");
  return `${host}:${port ?? "?"}${protocol === "tcp" ? "" : `/${protocol}`}`;
}
