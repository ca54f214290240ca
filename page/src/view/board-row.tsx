import type { InstanceView } from "../../../src/http/view.ts";
import type { Row, Service } from "../board.ts";
import { plural } from "../format.ts";
import { type CellState, cellState, endpointText, STATES, stateOf } from "../states.ts";
import { Glyph, StateWord } from "./glyph.tsx";
import { explainHref } from "./hooks.ts";

interface BoardRowProps {
  readonly row: Row;
  readonly index: number;
  /** px */
  readonly top: number;
  readonly isCurrent: boolean;
  readonly registries: readonly string[];
}

export function rowId(index: number): string {
  return `row-${index}`;
}

export function BoardRow({ row, index, top, isCurrent, registries }: BoardRowProps) {
  const isService = row.kind === "service";
  return (
    <div
      class={`row is-${row.kind}${isCurrent ? " is-current" : ""}`}
      style={{ transform: `translateY(${top}px)` }}
      id={rowId(index)}
      data-index={index}
      data-key={row.key}
      role="row"
      aria-rowindex={index + 2}
      aria-level={isService ? 1 : 2}
      aria-expanded={isService ? row.isOpen : undefined}
    >
      {isService ? (
        <ServiceCells service={row.service} registries={registries} />
      ) : (
        <InstanceCells instance={row.instance} registries={registries} />
      )}
    </div>
  );
}

function ServiceCells({ service, registries }: { readonly service: Service; readonly registries: readonly string[] }) {
  return (
    <>
      <span class="row-name" role="gridcell">
        <svg class="chevron" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
          <path d="m6 3 5 5-5 5" />
        </svg>
        <span class="cut" title={service.name}>
          {service.name}
        </span>
      </span>
      <span class="row-where muted" role="gridcell">
        {plural(service.instances.length, "instance")}
        <span class="row-nodes"> on {plural(service.nodes, "node")}</span>
      </span>
      <span class="row-cells" role="presentation">
        {registries.map((registry) => (
          <ServiceCell key={registry} registry={registry} counts={service.cells[registry] ?? {}} />
        ))}
      </span>
    </>
  );
}

interface ServiceCellProps {
  readonly registry: string;
  readonly counts: Readonly<Partial<Record<CellState, number>>>;
}

function ServiceCell({ registry, counts }: ServiceCellProps) {
  const present = STATES.filter((state) => (counts[state] ?? 0) > 0);
  const words = present.map((state) => `${counts[state]} ${state}`);
  return (
    <span class="cell" role="gridcell" title={`${registry}: ${words.join(", ") || "not here"}`}>
      <span class="cell-registry">{registry}</span>
      {present.length === 0 && <StateWord state="none" />}
      {present.map((state) => (
        <span key={state} class={`count is-${state}`}>
          <Glyph state={state} />
          {(counts[state] ?? 0).toLocaleString("en")}
          <span class={present.length === 1 ? "word" : "sr"}> {state}</span>
        </span>
      ))}
    </span>
  );
}

interface InstanceCellsProps {
  readonly instance: InstanceView;
  readonly registries: readonly string[];
}

function InstanceCells({ instance, registries }: InstanceCellsProps) {
  const { id, node, health, missing, notes } = instance;
  const waits = missing.length > 0 ? `waits for ${missing.join(", ")}` : null;
  const checked = health === "none" ? null : health;
  return (
    <>
      <span class="row-name" role="gridcell">
        <Glyph state={stateOf(instance)} />
        <a class="cut mono" href={explainHref(id)} tabIndex={-1} title={id}>
          {endpointText(instance)}
        </a>
        {notes.length > 0 && (
          <span class="note-mark" title={notes.join("\n")}>
            note
          </span>
        )}
      </span>
      <span class="row-where muted cut" role="gridcell" title={node}>
        {[waits, waits === null ? checked : null, node].filter((text) => text !== null).join(" · ")}
      </span>
      <span class="row-cells" role="presentation">
        {registries.map((registry) => (
          <span class="cell" key={registry} role="gridcell" title={instance.registries[registry]?.error ?? undefined}>
            <span class="cell-registry">{registry}</span>
            <StateWord state={cellState(instance, registry)} />
          </span>
        ))}
      </span>
    </>
  );
}
