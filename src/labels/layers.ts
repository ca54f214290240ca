/**
 * What labels say, before it is merged. A layer holds what one grammar says in one place (container labels, service
 * labels, environment) of one port, or of all.
 */
import type { Metadata } from "../model.ts";
import type { Fault, Parser } from "./parse.ts";
import { looksSecret } from "./secrets.ts";
import { quote, shorten } from "./text.ts";

/** Everything a label can set, besides meta pairs. Durations in ms. */
export interface Settings {
  readonly enable: boolean;
  readonly name: string;
  readonly ports: Metadata["ports"];
  readonly network: string;
  readonly tags: readonly string[];
  readonly weight: number;
  readonly checkHttp: string;
  readonly checkHttps: string;
  readonly checkTcp: true;
  readonly checkGrpc: string;
  readonly checkTtl: number;
  readonly checkHttpMethod: string;
  readonly checkHttpsMethod: string;
  readonly checkMethod: string;
  readonly checkInterval: number;
  readonly checkTimeout: number;
  readonly checkDeregisterAfter: number;
  readonly checkInitialStatus: "passing" | "warning" | "critical";
  readonly checkGrpcTls: true;
  readonly checkSkipVerify: boolean;
  /** `refused`: said, but unusable, so that there must be no route at all. */
  readonly routeHosts: readonly string[] | "refused";
  readonly routePaths: readonly string[] | "refused";
  readonly routeStripPath: boolean;
  readonly routePriority: number;
  readonly albTargetGroups: readonly string[];
  readonly drain: number;
  readonly stopGate: NonNullable<Metadata["stopGate"]>;
  readonly readinessGate: boolean;
}

/** Absent: not said. `null`: taken back, whatever weaker layers say. */
export type Said = { [K in keyof Settings]?: Settings[K] | null };

export interface Layer {
  readonly said: Said;
  readonly meta: Map<string, string>;
}

/** What a label key means: reads its value, and puts it into a layer. */
export interface Rule {
  /** Two labels with the same id are the same setting, written differently. */
  readonly id: string;
  /** @returns how to write the value down; null if nothing of it can be used */
  read(raw: string): { readonly write: ((layer: Layer) => void) | null; readonly faults: readonly Fault[] };
}

/** The rule that sets `key`. */
export function setting<K extends keyof Settings>(key: K, parse: Parser<Settings[K]>): Rule {
  return {
    id: key,
    read(raw) {
      const { value, faults } = parse(raw);
      if (value === undefined) return { write: null, faults };
      const write = ({ said }: Layer) => {
        said[key] = value;
      };
      return { write, faults };
    },
  };
}

/** What a key means: which setting, of which port (null: all); or why it means nothing. */
export type Meaning = { readonly port: number | null; readonly rule: Rule } | { readonly refusal: string };

const MAX_SHOWN_KEY = 100;

/** Where labels come from, as it is called in problems. */
export type Place = "label" | "service label" | "environment";

export interface Label {
  readonly key: string;
  readonly value: string;
}

/** The layers of one grammar in one place, by port; null: all ports. */
export interface Shelf {
  readonly layers: ReadonlyMap<number | null, Layer>;
  /** Keeps what a label says, or reports why not; the first usable one of several for one setting is kept. */
  put(label: Label, meaning: Meaning): void;
}

export function createShelf(place: Place, report: (problem: string) => void): Shelf {
  const layers = new Map<number | null, Layer>();
  const holders = new Map<string, string>();

  function put(label: Label, meaning: Meaning): void {
    const refusal = "refusal" in meaning ? meaning.refusal : keep(label, meaning.port, meaning.rule);
    if (refusal !== null) report(`${place} ${showKey(label.key)} is dropped: ${refusal}`);
  }

  function keep(label: Label, port: number | null, rule: Rule): string | null {
    const slot = `${port ?? ""}/${rule.id}`;
    const holder = holders.get(slot);
    if (holder !== undefined) return `${holder} is the same setting, and comes first`;
    const { write, faults } = rule.read(label.value);
    for (const fault of faults) report(describe(place, label, fault));
    if (write === null) return null;
    holders.set(slot, showKey(label.key));
    write(layerOf(port));
    return null;
  }

  function layerOf(port: number | null): Layer {
    const layer = layers.get(port) ?? { said: {}, meta: new Map() };
    layers.set(port, layer);
    return layer;
  }

  return { layers, put };
}

/** One line: what was dropped, and what was expected; never a value that may be a secret, nor a part of one. */
function describe(place: Place, label: Label, fault: Fault): string {
  const value = fault.value === null || looksSecret(label.value) ? "its value" : quote(fault.value);
  return `${place} ${showKey(label.key)}: ${value} is dropped: ${fault.reason}`;
}

/** A key as problems show it; a secret that was put into the key by mistake is not shown either. */
export function showKey(key: string): string {
  return looksSecret(key) ? `${shorten(key, 8)} (the rest is not shown)` : shorten(key, MAX_SHOWN_KEY);
}
