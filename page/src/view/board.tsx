/** Services × registries, and the instances of the services that are open: a tree grid that is walked with the arrow keys. */
import { useRef, useState } from "preact/hooks";
import type { Row } from "../board.ts";
import { BoardRow, rowId } from "./board-row.tsx";
import { explainHref } from "./hooks.ts";
import { reveal, useHeight, useRange } from "./virtual.ts";

interface BoardProps {
  readonly rows: readonly Row[];
  readonly registries: readonly string[];
  onToggle(service: string): void;
}

export function Board({ rows, registries, onToggle }: BoardProps) {
  const list = useRef<HTMLDivElement>(null);
  const ruler = useRef<HTMLDivElement>(null);
  const height = useHeight(ruler);
  const { from, to } = useRange(list, rows.length, height);
  const [current, setCurrent] = useState<string | null>(null);
  const index = rows.findIndex(({ key }) => key === current);

  function walkTo(next: number): void {
    const row = rows[Math.max(0, Math.min(rows.length - 1, next))];
    if (row === undefined || list.current === null) return;
    setCurrent(row.key);
    reveal(list.current, rows.indexOf(row), height);
  }

  function act(row: Row): void {
    setCurrent(row.key);
    if (row.kind === "service") onToggle(row.service.name);
    else location.hash = explainHref(row.instance.id);
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(innerHeight / Math.max(1, height)) - 3);
    const next = stepTo(event.key, { index, page, last: rows.length - 1 });
    const row = rows[index];
    if (next !== null) walkTo(next);
    else if (row === undefined || !handle(event.key, row)) return;
    event.preventDefault();
  }

  /** @returns whether the key means something */
  function handle(key: string, row: Row): boolean {
    if (key === "Enter" || key === " ") act(row);
    else if (key === "ArrowLeft") fold(row);
    else if (key === "ArrowRight") unfold(row);
    else return false;
    return true;
  }

  function unfold(row: Row): void {
    if (row.kind === "service" && !row.isOpen) onToggle(row.service.name);
  }

  function fold(row: Row): void {
    if (row.kind === "instance") walkTo(rows.findLastIndex((each, at) => at < index && each.kind === "service"));
    else if (row.isOpen) onToggle(row.service.name);
  }

  function onClick(event: MouseEvent): void {
    const target = event.target as Element;
    const row = rows[Number(target.closest<HTMLElement>("[data-index]")?.dataset["index"] ?? Number.NaN)];
    if (row === undefined || target.closest("a") !== null) return;
    // Whoever marks text does not mean to open anything.
    if (getSelection()?.isCollapsed === false) return;
    act(row);
  }

  return (
    <div
      class="board"
      style={{ "--registries": String(registries.length) }}
      role="treegrid"
      tabIndex={0}
      aria-label="Services and registries"
      aria-rowcount={rows.length + 1}
      aria-colcount={registries.length + 2}
      aria-activedescendant={index >= from && index < to ? rowId(index) : undefined}
      onKeyDown={onKeyDown}
      onFocus={() => index === -1 && setCurrent(rows[0]?.key ?? null)}
      onClick={onClick}
    >
      <div class="row board-head" role="row" aria-rowindex={1}>
        <span role="columnheader">Service</span>
        <span role="columnheader" class="row-where">
          Where
        </span>
        <span class="row-cells" role="presentation">
          {registries.map((registry) => (
            <span role="columnheader" key={registry}>
              {registry}
            </span>
          ))}
        </span>
      </div>
      <div class="row ruler" ref={ruler} aria-hidden="true" />
      <div class="rows" ref={list} style={{ height: `${rows.length * height}px` }} role="presentation">
        {rows.slice(from, to).map((row, offset) => (
          <BoardRow
            key={row.key}
            row={row}
            index={from + offset}
            top={(from + offset) * height}
            isCurrent={row.key === current}
            registries={registries}
          />
        ))}
      </div>
    </div>
  );
}

interface Place {
  readonly index: number;
  /** How many rows are seen at once. */
  readonly page: number;
  readonly last: number;
}

/** Where a key leads to; null: nowhere. */
function stepTo(key: string, { index, page, last }: Place): number | null {
  const steps: Readonly<Record<string, number>> = {
    ArrowDown: index + 1,
    ArrowUp: index - 1,
    PageDown: index + page,
    PageUp: index - page,
    Home: 0,
    End: last,
  };
  return steps[key] ?? null;
}
