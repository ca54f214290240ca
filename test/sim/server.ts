/** What a source talks to: an engine, the swarm's managers, Marathon. */
import type { Content } from "../../adapters/sources/stamps.ts";

/** What a server tells its subscribers. */
export interface ServerEvent {
  /** `inspect`: it only names the task, which has to be asked for. `list`: something is no longer there. */
  readonly what: readonly Content[] | { readonly inspect: string } | "list";
  /** The server's own count, where it has one: then events may come in any order. */
  readonly seq: number | null;
}

export interface Listing {
  readonly contents: readonly Content[];
  readonly trust: "node" | "whole" | "doubtful";
  /** It claims more than is so. */
  readonly isLie: boolean;
  readonly seq: number | null;
}

export interface Server {
  list(): Listing;
  inspect(task: string): readonly Content[];
  /** @param audience id of the node for which it is said; null: for the leader */
  watch(listener: (event: ServerEvent) => void, audience: string | null): () => void;
}

/** The way between one Muster and one server. */
export interface Path {
  isOpen(): boolean;
  /** ms, one way. */
  delay(): number;
  /** Whether an event on its way is lost, or comes twice. */
  fate(): "once" | "twice" | "lost";
}
