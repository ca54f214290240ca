import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { countStates, type Filter, rowsOf, servicesOf } from "../board.ts";
import type { Known, Store } from "../live/store.ts";
import type { Counts } from "../states.ts";
import { type Trouble, troublesOf } from "../troubles.ts";
import { Board } from "./board.tsx";
import { Changes } from "./changes.tsx";
import { Charts } from "./charts.tsx";
import { Detail } from "./detail.tsx";
import { explainHref, useKnown, useRoute } from "./hooks.ts";
import { Keys } from "./keys.tsx";
import { Masthead } from "./masthead.tsx";
import { useShortcuts } from "./shortcuts.ts";
import { Tiles, Verdict } from "./summary.tsx";
import { Systems } from "./systems.tsx";
import { TokenForm } from "./token-form.tsx";
import { Troubles } from "./troubles.tsx";

interface PageProps {
  readonly store: Store;
  /** A token was given: try again. */
  onToken(): void;
}

const ALL: Filter = { query: "", state: null };
const VIEWS = ["services", "activity", "systems"] as const;
type View = (typeof VIEWS)[number];

export function Page({ store, onToken }: PageProps) {
  const known = useKnown(store);
  const of = useRoute();
  const [filter, setFilter] = useState(ALL);
  const [view, setView] = useState<View>("services");
  const [isHelp, setHelp] = useState(false);
  const search = useRef<HTMLInputElement>(null);
  const { instances, sources, registries } = known;
  const counts = useMemo(() => countStates(instances?.values() ?? []), [instances]);
  const troubles = useMemo(
    () => troublesOf({ sources, registries }, instances?.values() ?? []),
    [instances, sources, registries],
  );
  useEffect(() => {
    document.title = counts.failed > 0 ? `${counts.failed} failed · Muster` : "Muster";
  }, [counts.failed]);
  useShortcuts({
    search: () => search.current?.focus(),
    help: () => setHelp(true),
    toggle: (state) => setFilter({ ...filter, state: filter.state === state ? null : state }),
    reset() {
      setFilter(ALL);
      search.current?.blur();
    },
  });

  if (known.connection === "locked") return <TokenForm error={known.error} onToken={onToken} />;
  return (
    <>
      <Masthead known={known} onHelp={() => setHelp(true)} />
      <main data-view={view}>
        <div class="top">
          <Verdict known={known} counts={counts} troubles={troubles} />
          <Tiles counts={counts} state={filter.state} onState={(state) => setFilter({ ...filter, state })} />
        </div>
        <Troubles troubles={troubles} />
        <nav class="views" aria-label="Parts of this page">
          {VIEWS.map((each) => (
            <button type="button" key={each} aria-pressed={view === each} onClick={() => setView(each)}>
              {each}
            </button>
          ))}
        </nav>
        <section class="services" aria-label="Services">
          <div class="search">
            <input
              ref={search}
              type="search"
              placeholder="Search: service, address, node, task, image, tag"
              aria-label="Search"
              aria-keyshortcuts="/"
              value={filter.query}
              onInput={(event) => setFilter({ ...filter, query: event.currentTarget.value })}
              onKeyDown={(event) => {
                if (event.key !== "ArrowDown") return;
                event.preventDefault();
                event.currentTarget.closest("section")?.querySelector<HTMLElement>("[role=treegrid]")?.focus();
              }}
            />
            <kbd>/</kbd>
          </div>
          <Services known={known} filter={filter} onAll={() => setFilter(ALL)} />
        </section>
        <aside>
          <div class="for-systems">
            <Systems known={known} />
          </div>
          <div class="for-activity">
            <Charts history={known.history} now={known.now} />
            <Changes history={known.history} />
          </div>
        </aside>
      </main>
      <Announcements known={known} counts={counts} troubles={troubles} />
      {of !== null && <Detail of={of} store={store} />}
      {isHelp && <Keys onClose={() => setHelp(false)} />}
    </>
  );
}

interface ServicesProps {
  readonly known: Known;
  readonly filter: Filter;
  onAll(): void;
}

const NONE: ReadonlySet<string> = new Set();

function Services({ known: { instances, registries }, filter, onAll }: ServicesProps) {
  const [toggled, setToggled] = useState(NONE);
  const isFiltered = filter.query.trim() !== "" || filter.state !== null;
  // What is open by itself under a filter is another thing than what somebody opened without one.
  useEffect(() => setToggled(NONE), [isFiltered]);
  const names = useMemo(() => registries.map(({ name }) => name), [registries]);
  const services = useMemo(() => servicesOf(instances?.values() ?? [], names, filter), [instances, names, filter]);
  const rows = useMemo(() => rowsOf(services, filter, toggled), [services, filter, toggled]);

  function onToggle(name: string): void {
    const next = new Set(toggled);
    if (!next.delete(name)) next.add(name);
    setToggled(next);
  }

  if (instances === null) return <p class="empty">Asking for the instances …</p>;
  if (rows.length > 0) return <Board rows={rows} registries={names} onToggle={onToggle} />;
  if (!isFiltered) return <Nothing />;
  const query = filter.query.trim();
  return (
    <div class="empty">
      <p>No instance matches.</p>
      <p class="links">
        {query !== "" && <a href={explainHref(query)}>Ask why “{query}” is not registered</a>}
        <button type="button" class="link" onClick={onAll}>
          Show all
        </button>
      </p>
    </div>
  );
}

function Nothing() {
  return (
    <div class="empty">
      <p>No instances yet. Start something with a published port, and its row appears here:</p>
      <pre>docker run -d -p 8080 --name web nginx</pre>
      <p>What runs without a reachable port is not listed; search for its id or name to learn why.</p>
    </div>
  );
}

/** For screen readers; only what changes for the worse or the better, and not each instance. */
function Announcements({ known, counts, troubles }: { known: Known; counts: Counts; troubles: readonly Trouble[] }) {
  const lost = known.connection === "lost" ? `Connection lost: ${known.error}. ` : "";
  const text = `${lost}${counts.failed > 0 ? `${counts.failed} failed. ` : ""}${troubles[0]?.title ?? ""}`;
  return (
    <p class="sr" role="status">
      {text}
    </p>
  );
}
