/** The one sentence that most people come for, and the counts by state, which are filters as well. */
import { plural } from "../format.ts";
import type { Known } from "../live/store.ts";
import { type Counts, STATES, type State } from "../states.ts";
import type { Trouble } from "../troubles.ts";
import { Glyph } from "./glyph.tsx";

interface VerdictProps {
  readonly known: Known;
  readonly counts: Counts;
  readonly troubles: readonly Trouble[];
}

export function Verdict(props: VerdictProps) {
  const { tone, text, more } = verdictOf(props);
  return (
    <section class={`verdict is-${tone}`} aria-label="In short">
      <h1>{text}</h1>
      <p>{more}</p>
    </section>
  );
}

interface Words {
  readonly tone: "registered" | "failed" | "pending";
  readonly text: string;
  readonly more: string;
}

function verdictOf({ known, counts, troubles }: VerdictProps): Words {
  const { instances, registries, sources } = known;
  if (instances === null) return { tone: "pending", text: "Connecting …", more: known.error ?? "" };
  const services = new Set([...instances.values()].map(({ service }) => service)).size;
  const places = registries.map(({ name }) => name).join(", ");
  const scope = `${plural(instances.size, "instance")} of ${plural(services, "service")}, ${plural(registries.length, "registry").replace("registrys", "registries")}${places === "" ? "" : `: ${places}`}.`;
  if (counts.failed > 0)
    return { tone: "failed", text: `${plural(counts.failed, "instance")} not registered as wanted.`, more: scope };
  const [first] = troubles;
  if (first !== undefined) return { tone: "failed", text: `${first.title}.`, more: scope };
  const unready = waitsFor(known);
  if (unready.length > 0) return { tone: "pending", text: "Not ready yet.", more: `${unready.join("; ")}.` };
  if (instances.size === 0) {
    const heard = sources.map(({ name }) => name).join(", ");
    return { tone: "registered", text: "Nothing to register.", more: `Listening to ${heard || "no source"}.` };
  }
  if (counts.pending > 0)
    return { tone: "pending", text: `${plural(counts.pending, "instance")} not ready yet.`, more: scope };
  return { tone: "registered", text: "All that is ready is registered.", more: scope };
}

/** What Muster's readiness waits for, in words. */
function waitsFor({ sources, registries }: Known): readonly string[] {
  return [
    ...sources
      .filter(({ synced, state }) => !synced && state !== "standby")
      .map(({ name }) => `${name} has not listed what runs`),
    ...registries.filter(({ lastCleanPass }) => lastCleanPass === null).map(({ name }) => `${name} is being compared`),
  ];
}

interface TilesProps {
  readonly counts: Counts;
  readonly state: State | null;
  onState(state: State | null): void;
}

const KEYS: Readonly<Record<State, string>> = { failed: "1", pending: "2", draining: "3", registered: "4" };

export function Tiles({ counts, state, onState }: TilesProps) {
  return (
    <fieldset class="tiles">
      <legend class="sr">Show only</legend>
      {STATES.map((each) => (
        <button
          type="button"
          key={each}
          class={`tile is-${each}${counts[each] === 0 ? " is-zero" : ""}`}
          aria-pressed={state === each}
          aria-keyshortcuts={KEYS[each]}
          onClick={() => onState(state === each ? null : each)}
        >
          <span class="tile-count">{counts[each].toLocaleString("en")}</span>
          <span class="tile-word">
            <Glyph state={each} />
            {each}
          </span>
        </button>
      ))}
    </fieldset>
  );
}
