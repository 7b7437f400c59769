// The grid: tasks by runs. Cells are painted on a canvas; names, focus and the panel are DOM.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { get, may, url } from "../core/api";
import { CELL, COLUMN, HEAD, paint, ROW, stateAt, type Spot } from "../core/grid-paint";
import { useLive, type Change } from "../core/live";
import { fit, ink, type Ink } from "../core/paint";
import { pref, systemDark, theme } from "../core/prefs";
import { useQuery } from "../core/query";
import { go } from "../core/router";
import { rowsOf, type Row } from "../core/rows";
import { count, NOTHING, rectangle, taskId, toggled, type Chosen } from "../core/selection";
import { BY_LETTER, label, STATES } from "../core/states";
import { span, stamp, zoneName } from "../core/time";
import type { Columns, Grid } from "../core/types";
import { Icon } from "../parts/icon";
import { lazily } from "../parts/lazy";
import { Empty, Loaded, runLink, taskLink } from "../parts/page";
import { StateIcon } from "../parts/state";

const SelectionPanel = lazily(() => import("../parts/selection-panel").then((m) => m.SelectionPanel));
const Panel = lazily(() => import("../parts/cell-panel").then((m) => m.CellPanel));

const shownRuns = pref("grid.runs", 50);
const onlyBad = pref("grid.onlyBad", false);

export function GridView({ dag }: { dag: string }) {
  const to = url("/ui/grid", { dag, runs: shownRuns.value });
  const grid = useQuery<Grid>(to);
  useGridLive(dag, grid.data, grid.mutate, grid.reload);
  return (
    <Loaded query={grid}>
      {(data) =>
        data.runs.length === 0 ? (
          <Empty title="No run yet">
            <p>The grid fills as runs start. Trigger one, or wait for the schedule.</p>
          </Empty>
        ) : (
          <GridTable dag={dag} data={data} />
        )
      }
    </Loaded>
  );
}

/** Keep the columns up to date: single letters at once, whole columns where more has changed. */
function useGridLive(
  dag: string,
  data: Grid | undefined,
  mutate: (change: (data: Grid) => Grid) => void,
  reload: () => void,
): void {
  const dirty = useRef(new Set<string>());
  const timer = useRef(0);
  const refresh = async (): Promise<void> => {
    const runs = [...dirty.current].slice(0, 50);
    dirty.current.clear();
    const columns = await get<Columns>(url("/ui/grid", { dag, run: runs })).catch(() => null);
    if (columns) mutate((all) => merged(all, columns));
  };
  useLive({
    reload,
    changes: (events: Change[]) => {
      const mine = events.filter((e) => e[0] === dag);
      if (mine.length === 0 || !data) return;
      const known = new Map(data.runs.map((r, n) => [r.id, n]));
      const cells = new Map<number, string[]>();
      for (const [, run, task, map, state] of mine) {
        const col = known.get(run);
        const row = task === null ? -1 : data.tasks.findIndex((t) => t[0] === task);
        if (task === null || col === undefined || row < 0 || (map ?? -1) >= 0) dirty.current.add(run);
        else {
          const letters = cells.get(col) ?? [...data.cells[col]!];
          letters[row] = STATES[state]?.letter ?? ".";
          cells.set(col, letters);
        }
      }
      if (cells.size)
        mutate((all) => ({
          ...all,
          cells: all.cells.map((c, n) => cells.get(n)?.join("") ?? c),
        }));
      if (dirty.current.size) {
        clearTimeout(timer.current);
        timer.current = window.setTimeout(refresh, 200);
      }
    },
  });
}

function merged(all: Grid, fresh: Columns): Grid {
  if (fresh.version !== all.version) return all;
  const next = { ...all, runs: [...all.runs], cells: [...all.cells], mapped: [...all.mapped] };
  fresh.runs.forEach((run, n) => {
    let at = next.runs.findIndex((r) => r.id === run.id);
    if (at < 0) {
      at = next.runs.findIndex((r) => r.after > run.after);
      if (at < 0) at = next.runs.length;
      next.runs.splice(at, 0, run);
      next.cells.splice(at, 0, fresh.cells[n]!);
      next.mapped.splice(at, 0, fresh.mapped[n]!);
    } else {
      next.runs[at] = run;
      next.cells[at] = fresh.cells[n]!;
      next.mapped[at] = fresh.mapped[n]!;
    }
  });
  return next;
}

function GridTable({ dag, data }: { dag: string; data: Grid }) {
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const [find, setFind] = useState("");
  const [spot, setSpot] = useState<Spot | null>(null);
  const [chosen, setChosen] = useState<Chosen>(NOTHING);
  const [picking, setPicking] = useState(false);
  const rows = useMemo(() => {
    let all = rowsOf(data, data.gone, find || onlyBad.value ? new Set() : closed);
    if (find) {
      const want = find.toLowerCase();
      all = all.filter((r) => r.kind === "task" && r.key.toLowerCase().includes(want));
    }
    if (onlyBad.value) all = all.filter((r) => r.kind === "task" && data.cells.some((c) => "fuy".includes(c[r.tasks[0]!] ?? "-")));
    return all;
  }, [data.tasks, data.gone, onlyBad.value ? data.cells : null, closed, find, onlyBad.value]);
  const toggle = (row: Row): void => {
    const id = row.key.slice("group:".length);
    const next = new Set(closed);
    if (!next.delete(id)) next.add(id);
    setClosed(next);
  };
  const selected = spot && rows[spot.row] ? { row: rows[spot.row]!, run: data.runs[spot.col] } : null;
  return (
    <>
      <div class="toolbar">
        <label class="search small-search">
          <Icon name="search" size={15} />
          <span class="sr">Find tasks</span>
          <input
            type="search"
            placeholder={`Find among ${data.tasks.length} tasks`}
            value={find}
            onInput={(e) => setFind(e.currentTarget.value)}
          />
        </label>
        <label class="inline check">
          <input
            type="checkbox"
            checked={onlyBad.value}
            onChange={(e) => (onlyBad.value = e.currentTarget.checked)}
          />
          Only rows with failures
        </label>
        {data.groups.length > 0 && (
          <button
            class="quiet"
            onClick={() => setClosed(closed.size ? new Set() : new Set(data.groups.map((g) => g[0])))}
          >
            {closed.size ? "Open groups" : "Close groups"}
          </button>
        )}
        <label class="inline">
          <span class="muted">Runs</span>
          <select
            value={shownRuns.value}
            onChange={(e) => (shownRuns.value = Number(e.currentTarget.value))}
          >
            {[10, 25, 50, 100, 365].map((n) => (
              <option key={n} value={n}>
                {n}
              </option>
            ))}
          </select>
        </label>
        {may("user") && (
          <button
            class={picking ? "on" : "quiet"}
            aria-pressed={picking}
            title="Choose cells one by one; or drag over them, or hold Shift or Ctrl"
            onClick={() => {
              setPicking(!picking);
              if (picking) setChosen(NOTHING);
            }}
          >
            Choose several
          </button>
        )}
        <span class="spring" />
        <Legend data={data} />
      </div>
      <div class={`grid-frame${selected || chosen.size ? " with-panel" : ""}`}>
        {rows.length === 0 ? (
          <Empty title={find ? "No task has this in its name" : "No failures in these runs"} />
        ) : (
          <Sheet dag={dag} data={data} rows={rows} closed={closed} spot={spot} onSpot={setSpot} onToggle={toggle} chosen={chosen} onChoose={setChosen} picking={picking} />
        )}
        {chosen.size > 0 && (
          <SelectionPanel
            dag={dag}
            data={data}
            chosen={chosen}
            onClose={() => {
              setChosen(NOTHING);
              setPicking(false);
            }}
          />
        )}
        {chosen.size === 0 && selected?.run && (
          <Panel
            dag={dag}
            run={selected.run}
            row={selected.row}
            tasks={selected.row.tasks.map((t) => taskId(data, t))}
            state={stateAt(data, selected.row, spot!.col)}
            onClose={() => setSpot(null)}
          />
        )}
      </div>
    </>
  );
}

function Legend({ data }: { data: Grid }) {
  const shown = new Set<string>();
  for (const column of data.cells) for (const letter of new Set(column)) shown.add(BY_LETTER[letter] ?? "");
  return (
    <details class="menu legend">
      <summary class="quiet">Legend</summary>
      <div class="menu-list">
        {Object.keys(STATES)
          .filter((s) => shown.has(s))
          .map((s) => (
            <p key={s}>
              <StateIcon state={s} /> {label(s)} <span class="muted">– {STATES[s]!.hint}</span>
            </p>
          ))}
      </div>
    </details>
  );
}

interface SheetProps {
  dag: string;
  data: Grid;
  rows: Row[];
  closed: ReadonlySet<string>;
  spot: Spot | null;
  onSpot: (spot: Spot | null) => void;
  onToggle: (row: Row) => void;
  chosen: Chosen;
  onChoose: (chosen: Chosen) => void;
  /** Clicks choose cells, as they do with Ctrl. */
  picking: boolean;
}

function Sheet({ dag, data, rows, closed, spot, onSpot, onToggle, chosen, onChoose, picking }: SheetProps) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [view, setView] = useState({ top: 0, height: 600, width: 800 });
  const [hover, setHover] = useState<Spot | null>(null);
  const names = namesWidth(innerWidth);
  const inked = useMemo<Ink>(() => ink(CELL), [theme.value, systemDark.value]);
  const width = data.runs.length * COLUMN + 26;

  useLayoutEffect(() => {
    const element = box.current!;
    let width = element.clientWidth;
    const measure = (): void => {
      // Whoever looks at the newest runs goes on seeing them when the panel takes its room.
      if (element.scrollLeft + width > element.scrollWidth - 4 * COLUMN) element.scrollLeft = element.scrollWidth;
      width = element.clientWidth;
      setView({ top: element.scrollTop, height: element.clientHeight, width });
    };
    element.scrollLeft = element.scrollWidth;
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    const element = box.current!;
    if (element.scrollLeft + element.clientWidth > element.scrollWidth - 4 * COLUMN)
      element.scrollLeft = element.scrollWidth;
  }, [data.runs.length]);

  const drag = useRef<{ from: Spot; base: Chosen; to: Chosen | null } | null>(null);
  const draw = (): void => {
    const element = box.current;
    if (!element || !canvas.current) return;
    const w = Math.min(element.clientWidth - names, width);
    const h = Math.min(element.clientHeight, HEAD + rows.length * ROW + 8);
    const ctx = fit(canvas.current, Math.max(1, w), h);
    const marked = drag.current?.to ?? chosen;
    paint(ctx, { data, rows, inked, w, h, left: element.scrollLeft, top: element.scrollTop, spot, hover, chosen: marked });
  };
  useLayoutEffect(draw);

  const first = Math.max(0, Math.floor(view.top / ROW) - 4);
  const last = Math.min(rows.length, Math.ceil((view.top + view.height) / ROW) + 4);

  const spotAt = (event: MouseEvent): Spot | null => {
    const rect = canvas.current!.getBoundingClientRect();
    const col = Math.floor((event.clientX - rect.left + box.current!.scrollLeft) / COLUMN);
    const y = event.clientY - rect.top;
    const row = y < HEAD ? -1 : Math.floor((y - HEAD + box.current!.scrollTop) / ROW);
    if (col < 0 || col >= data.runs.length || row >= rows.length) return null;
    return { row, col };
  };
  /** A cell alone, the way from the last one to it, or one more. */
  const pick = (at: Spot, event: MouseEvent): void => {
    if (event.shiftKey && spot) {
      onChoose(rectangle(chosen, data, rows, spot, at));
      return;
    }
    if (picking || event.ctrlKey || event.metaKey) onChoose(toggled(chosen, data, rows[at.row]!, at.col));
    else if (chosen.size) onChoose(NOTHING);
    onSpot(at);
  };
  const dragTo = (event: MouseEvent): void => {
    const at = spotAt(event);
    const from = drag.current;
    if (!from || !at || at.row < 0 || !(event.buttons & 1)) return;
    if (!from.to && at.row === from.from.row && at.col === from.from.col) return;
    // Told when the button is let go: the panel would push the cells away from under the pointer.
    from.to = rectangle(from.base, data, rows, from.from, at);
    draw();
  };
  const extend = useRef<Spot | null>(null);
  const move = (rowBy: number, colBy: number, choose = false): void => {
    const from = spot ?? { row: 0, col: data.runs.length - 1 };
    const next = {
      row: Math.max(0, Math.min(rows.length - 1, from.row + (spot ? rowBy : 0))),
      col: Math.max(0, Math.min(data.runs.length - 1, from.col + (spot ? colBy : 0))),
    };
    if (choose) {
      extend.current ??= from;
      onChoose(rectangle(NOTHING, data, rows, extend.current, next));
    } else extend.current = null;
    onSpot(next);
    const element = box.current!;
    const [y, x] = [next.row * ROW, next.col * COLUMN];
    if (y < element.scrollTop) element.scrollTop = y;
    const room = element.clientHeight - HEAD - ROW;
    if (y > element.scrollTop + room) element.scrollTop = y - room;
    if (x < element.scrollLeft) element.scrollLeft = x;
    const wide = element.clientWidth - names - COLUMN * 2;
    if (x > element.scrollLeft + wide) element.scrollLeft = x - wide;
  };
  const keys = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor(view.height / ROW) - 5);
    const moves: Record<string, [number, number]> = {
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
      PageUp: [-page, 0],
      PageDown: [page, 0],
      Home: [0, -data.runs.length],
      End: [0, data.runs.length],
    };
    const by = moves[event.key];
    if (by) {
      event.preventDefault();
      move(...by, event.shiftKey && mayChange);
    } else if (event.key === " " && spot && mayChange) {
      event.preventDefault();
      onChoose(toggled(chosen, data, rows[spot.row]!, spot.col));
    } else if (event.key === "Enter" && spot && rows[spot.row]) {
      event.preventDefault();
      const row = rows[spot.row]!;
      if (row.kind === "group") onToggle(row);
      else go(taskLink(dag, data.runs[spot.col]!.id, row.key));
    } else if (event.key === "Escape") {
      if (chosen.size) onChoose(NOTHING);
      else onSpot(null);
      extend.current = null;
    }
  };
  const mayChange = may("user");
  const shown = hover ?? null;
  const active = spot && rows[spot.row] && data.runs[spot.col] ? spot : null;
  return (
    <div
      ref={box}
      class="sheet"
      role="grid"
      aria-label={`Tasks of ${dag} by runs`}
      aria-rowcount={rows.length}
      aria-colcount={data.runs.length}
      aria-multiselectable={mayChange}
      aria-activedescendant="grid-active"
      tabIndex={0}
      onKeyDown={keys}
      onScroll={(e) => {
        const top = e.currentTarget.scrollTop;
        if (Math.abs(top - view.top) >= ROW) setView({ ...view, top });
        draw();
      }}
    >
      <div role="row" class="sr" aria-rowindex={(active?.row ?? 0) + 1}>
        <div role="gridcell" id="grid-active" aria-colindex={(active?.col ?? 0) + 1} aria-selected={count(chosen) > 0}>
          {active
            ? `${rows[active.row]!.name}, run ${stamp(data.runs[active.col]!.after)}: ${label(stateAt(data, rows[active.row]!, active.col) ?? "not in this run")}`
            : "Arrow keys choose a cell, Enter opens it"}
        </div>
      </div>
      <div
        class="sheet-space"
        role="presentation"
        style={{ height: px(HEAD + rows.length * ROW + 8), width: px(names + width) }}
      >
        <div class="names" aria-hidden="true" style={{ width: px(names) }}>
          <div class="corner" style={{ height: px(HEAD) }}>
            <span class="muted small">
              {zoneName(data.runs[data.runs.length - 1]!.after)} · {data.runs.length === 1 ? "1 run" : `${data.runs.length} runs`}
            </span>
          </div>
          <div class="name-list" style={{ height: px(rows.length * ROW + 8) }}>
            {rows.slice(first, last).map((row, n) => (
              <NameRow
                key={row.key}
                row={row}
                top={(first + n) * ROW}
                closed={row.kind === "group" && closed.has(row.key.slice(6))}
                hot={shown?.row === first + n || active?.row === first + n}
                onToggle={() => onToggle(row)}
              />
            ))}
          </div>
        </div>
        <canvas
          ref={canvas}
          role="presentation"
          style={{ left: px(names) }}
          onMouseDown={(e) => {
            const at = spotAt(e);
            if (!mayChange || !at || at.row < 0 || e.button !== 0 || e.shiftKey) return;
            const keep = picking || e.ctrlKey || e.metaKey;
            drag.current = { from: at, base: keep ? chosen : NOTHING, to: null };
          }}
          onMouseMove={(e) => {
            dragTo(e);
            const at = spotAt(e);
            if (at?.row !== hover?.row || at?.col !== hover?.col) setHover(at);
          }}
          onMouseLeave={() => {
            setHover(null);
            // Let go outside: what was reached counts.
            if (drag.current?.to) onChoose(drag.current.to);
            drag.current = null;
          }}
          onClick={(e) => {
            const at = spotAt(e);
            const dragged = drag.current?.to;
            drag.current = null;
            if (dragged) onChoose(dragged);
            if (!at || dragged) return;
            if (at.row >= 0) mayChange ? pick(at, e) : onSpot(at);
            else if (mayChange && (picking || e.ctrlKey || e.metaKey))
              onChoose(rectangle(chosen, data, rows, { row: 0, col: at.col }, { row: rows.length - 1, col: at.col }));
            else go(runLink(dag, data.runs[at.col]!.id));
          }}
        />
      </div>
      {shown && data.runs[shown.col] && <Hint data={data} rows={rows} spot={shown} box={box.current!} names={names} />}
    </div>
  );
}

function NameRow({
  row,
  top,
  closed,
  hot,
  onToggle,
}: {
  row: Row;
  top: number;
  closed: boolean;
  hot: boolean;
  onToggle: () => void;
}) {
  const pad = { top: px(top), paddingLeft: px(10 + row.depth * 14) };
  if (row.kind === "group") {
    return (
      <div
        class={`name group${hot ? " hot" : ""}`}
        style={pad}
        title={row.key.slice(6)}
        onClick={onToggle}
      >
        <Icon name={closed ? "right" : "down"} size={12} />
        {row.name}
        <span class="count">{row.tasks.length}</span>
      </div>
    );
  }
  return (
    <div class={`name${hot ? " hot" : ""}`} style={pad} title={`${row.key} · ${row.operator}`}>
      {row.role === 1 && <Icon name="up" size={12} />}
      {row.role === 2 && <Icon name="down" size={12} />}
      <span class="clip">{row.name}</span>
      {row.mapped && <span class="count">[ ]</span>}
    </div>
  );
}

function Hint({ data, rows, spot, box, names }: { data: Grid; rows: Row[]; spot: Spot; box: HTMLElement; names: number }) {
  const run = data.runs[spot.col]!;
  const row = rows[spot.row];
  const x = names + spot.col * COLUMN - box.scrollLeft;
  const y = spot.row < 0 ? HEAD : HEAD + (spot.row + 1) * ROW - box.scrollTop;
  const rect = box.getBoundingClientRect();
  const left = x > rect.width - 250;
  const up = y > rect.height - 90;
  const state = row ? stateAt(data, row, spot.col) : run.state;
  const counts = row?.kind === "task" ? data.mapped[spot.col]?.[row.key] : undefined;
  return (
    <div
      class="hint"
      aria-hidden="true"
      style={{
        left: px(rect.left + (left ? x - 8 : x + COLUMN + 6)),
        top: px(rect.top + (up ? y - ROW - 4 : y + 2)),
        transform: `translate(${left ? "-100%" : "0"}, ${up ? "-100%" : "0"})`,
      }}
    >
      {row && <strong>{row.name}</strong>}
      <span>
        {state && <StateIcon state={state} size={13} />} {label(state ?? "not in this run")}
        {!row && run.start && ` · ${span((run.end ?? Date.now() / 1000) - run.start)}`}
      </span>
      {counts && (
        <span>
          {Object.entries(counts)
            .map(([letter, n]) => `${n} ${label(BY_LETTER[letter] ?? "").toLowerCase()}`)
            .join(", ")}
        </span>
      )}
      <span class="muted">
        {stamp(run.after)} · {run.type}
      </span>
      {run.note && <span class="wrap">{run.note.slice(0, 200)}</span>}
    </div>
  );
}

const px = (n: number): string => `${n}px`;

function namesWidth(width: number): number {
  return width < 560 ? 132 : width < 1000 ? 220 : 290;
}
