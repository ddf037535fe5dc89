// Tables that stay quick with thousands of rows: only the rows in sight are in the document. Arrow keys move, Enter opens,
// the space bar selects; headings sort.

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { go } from "./app.ts";
import { compare } from "./format.ts";
import { Empty } from "./ui.tsx";

export interface Column<T> {
  id: string;
  title: string;
  cell: (row: T) => ComponentChildren;
  /** What to sort by; without it the column does not sort. */
  by?: (row: T) => string | number;
  number?: boolean;
  /** From which width on it is shown: 1 always, 2 on tablets, 3 on wide screens. */
  from?: 1 | 2 | 3;
}

interface Props<T> {
  label: string;
  rows: readonly T[];
  columns: Column<T>[];
  id: (row: T) => string;
  href?: (row: T) => string;
  empty: ComponentChildren;
  sort?: string;
  selected?: ReadonlySet<string>;
  onSelect?: (selected: Set<string>) => void;
}

const ROW_PX = matchMedia("(max-width: 640px)").matches ? 48 : 36; // as app.css has it
const MARGIN = 12;

export function Table<T>({ label, rows, columns, id, href, empty, sort, selected, onSelect }: Props<T>) {
  const [order, setOrder] = useState<{ by: string; down: boolean }>({ by: sort ?? "", down: false });
  const [range, setRange] = useState<[number, number]>([0, 40]);
  const [current, setCurrent] = useState(0);
  const body = useRef<HTMLTableSectionElement>(null);
  const focusing = useRef(false);

  const sorted = useMemo(() => {
    const by = columns.find((column) => column.id === order.by)?.by;
    if (!by) return rows;
    const keyed = rows.map((row) => [by(row), row] as const);
    keyed.sort(([a], [b]) => (order.down ? compare(b, a) : compare(a, b)));
    return keyed.map(([, row]) => row);
  }, [rows, order.by, order.down]);

  // Which rows are in sight, whatever scrolls.
  useLayoutEffect(() => {
    const look = () => {
      const box = body.current?.parentElement?.getBoundingClientRect();
      if (!box) return;
      const top = Math.max(0, -box.top + 60);
      const first = Math.max(0, Math.floor(top / ROW_PX) - MARGIN);
      const last = Math.ceil((top + innerHeight) / ROW_PX) + MARGIN;
      setRange((old) => (old[0] === first && old[1] === last ? old : [first, last]));
    };
    look();
    addEventListener("scroll", look, { passive: true, capture: true });
    addEventListener("resize", look);
    return () => {
      removeEventListener("scroll", look, { capture: true });
      removeEventListener("resize", look);
    };
  }, [sorted.length]);

  useLayoutEffect(() => {
    const row = focusing.current && body.current?.querySelector<HTMLElement>(`[data-row="${current}"]`);
    if (!row) return; // it may come into sight with the next rendering
    focusing.current = false;
    row.focus();
  });

  if (!rows.length) return <Empty>{empty}</Empty>;
  const [first, last] = [Math.min(range[0], Math.max(0, sorted.length - 1)), Math.min(range[1], sorted.length)];
  const key = (event: KeyboardEvent) => {
    if ((event.target as HTMLElement).closest("button, input, [role=menu]")) return;
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: 12, PageUp: -12, Home: -1e9, End: 1e9 }[event.key];
    const row = sorted[current];
    if (step !== undefined && !event.ctrlKey && !event.metaKey) {
      const next = Math.min(sorted.length - 1, Math.max(0, current + step));
      focusing.current = true;
      setCurrent(next);
      if (next < first || next >= last) {
        const top = (body.current?.parentElement?.getBoundingClientRect().top ?? 0) + next * ROW_PX;
        document.querySelector("main")?.scrollBy({ top: top - innerHeight / 2 });
      }
    } else if (event.key === "Enter" && row && href) go(href(row));
    else if (event.key === " " && row && selected && onSelect) toggle(id(row));
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const toggle = (one: string) => {
    const next = new Set(selected);
    if (!next.delete(one)) next.add(one);
    onSelect?.(next);
  };
  const all = selected !== undefined && sorted.length > 0 && sorted.every((row) => selected.has(id(row)));
  return (
    <table class="list" aria-label={label} aria-rowcount={sorted.length + 1} onKeyDown={key}>
      <thead>
        <tr>
          {selected && (
            <th class="check">
              <input
                type="checkbox"
                aria-label="Select all"
                checked={all}
                onChange={() => onSelect?.(new Set(all ? [] : sorted.map(id)))}
              />
            </th>
          )}
          {columns.map((column) => (
            <th
              key={column.id}
              class={classes(column)}
              aria-sort={order.by === column.id ? (order.down ? "descending" : "ascending") : undefined}
            >
              {column.by ? (
                <button
                  type="button"
                  onClick={() => setOrder({ by: column.id, down: order.by === column.id && !order.down })}
                >
                  {column.title}
                </button>
              ) : (
                column.title
              )}
            </th>
          ))}
        </tr>
      </thead>
      <tbody ref={body}>
        <Gap rows={first} />
        {sorted.slice(first, last).map((row, n) => {
          const at = first + n;
          const one = id(row);
          return (
            <tr
              key={one}
              data-row={at}
              aria-rowindex={at + 2}
              tabIndex={at === current || (n === 0 && (current < first || current >= last)) ? 0 : -1}
              aria-selected={selected ? selected.has(one) : undefined}
              class={href ? "opens" : ""}
              onFocus={() => setCurrent(at)}
              onClick={(event) => {
                if (href && !(event.target as HTMLElement).closest("a, button, input, .menu")) go(href(row));
              }}
            >
              {selected && (
                <td class="check">
                  <input
                    type="checkbox"
                    tabIndex={-1}
                    aria-label="Select"
                    checked={selected.has(one)}
                    onChange={() => toggle(one)}
                  />
                </td>
              )}
              {columns.map((column) => (
                <td key={column.id} class={classes(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          );
        })}
        <Gap rows={sorted.length - last} />
      </tbody>
    </table>
  );
}

function classes(column: { number?: boolean; from?: number }): string {
  return `${column.number ? "number" : ""} from-${column.from ?? 1}`;
}

/** The height of rows that are not there. */
function Gap({ rows }: { rows: number }) {
  const row = useRef<HTMLTableRowElement>(null);
  useLayoutEffect(() => {
    row.current?.style.setProperty("height", `${Math.max(0, rows) * ROW_PX}px`);
  }, [rows]);
  return <tr ref={row} class="gap" aria-hidden="true" />;
}
