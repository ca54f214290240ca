/** What Muster listens to and what it writes to. */
import type { ComponentChildren } from "preact";
import type { SourceReport } from "../../../src/http/view.ts";
import type { RegistryView } from "../../../src/registry-view.ts";
import { agoText } from "../format.ts";
import type { Known } from "../live/store.ts";
import type { CellState } from "../states.ts";
import { StateWord } from "./glyph.tsx";

export function Systems({ known: { sources, registries, now } }: { readonly known: Known }) {
  return (
    <section class="panel" aria-labelledby="systems">
      <h2 id="systems">Sources and registries</h2>
      <ul class="systems">
        {sources.map((source) => (
          <Source key={source.name} source={source} now={now} />
        ))}
        {registries.map((registry) => (
          <Registry key={registry.name} registry={registry} now={now} />
        ))}
      </ul>
    </section>
  );
}

interface SystemProps {
  readonly name: string;
  readonly state: CellState;
  readonly word: string;
  readonly error: string | null;
  readonly children: ComponentChildren;
}

function System({ name, state, word, error, children }: SystemProps) {
  return (
    <li>
      <div class="system-head">
        <span class="system-name">{name}</span>
        <StateWord state={state} word={word} />
      </div>
      <p class="muted">{children}</p>
      {error !== null && <p class="error wrap">{error}</p>}
    </li>
  );
}

const SOURCE_STATES: Readonly<Record<SourceReport["state"], CellState>> = {
  connected: "registered",
  connecting: "pending",
  standby: "none",
  disconnected: "failed",
};

function Source({ source, now }: { readonly source: SourceReport; readonly now: number }) {
  const { name, state, facts, lastSynced, error } = source;
  return (
    <System name={name} state={SOURCE_STATES[state]} word={state} error={error}>
      {state === "standby"
        ? "another Muster listens to it"
        : `${facts.toLocaleString("en")} facts · ${lastSynced === null ? "not listed yet" : `listed ${agoText(lastSynced, now)}`}`}
    </System>
  );
}

const REGISTRY_STATES: Readonly<Record<RegistryView["state"], CellState>> = {
  synced: "registered",
  starting: "pending",
  failing: "failed",
};

function Registry({ registry, now }: { readonly registry: RegistryView; readonly now: number }) {
  const { name, state, registered, pending, failed, lastCleanPass, error, guard } = registry;
  const counts = [
    `${registered.toLocaleString("en")} registered`,
    ...(pending > 0 ? [`${pending} pending`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
    lastCleanPass === null ? "not in sync yet" : `in sync ${agoText(lastCleanPass, now)}`,
  ];
  return (
    <System name={name} state={REGISTRY_STATES[state]} word={state} error={error ?? guard}>
      {counts.join(" · ")}
    </System>
  );
}
