// The graph: laid out in a worker, painted on a canvas; with a run, in that run's colours.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { url } from "../core/api";
import { TALL, type Ask, type DrawnNode, type Drawing } from "../core/compose";
import { useReloadOn } from "../core/live";
import { fit, ink } from "../core/paint";
import { systemDark, theme } from "../core/prefs";
import { useQuery } from "../core/query";
import { go, setQuery } from "../core/router";
import { label, worst } from "../core/states";
import { stamp } from "../core/time";
import type { Graph, ListedRun, RunPage } from "../core/types";
import { Icon } from "../parts/icon";
import { Loaded, taskLink } from "../parts/page";

const MANY = 150;
const ICON = 16;
const LEGIBLE = 0.75;

export function GraphView({ dag, run }: { dag: string; run: string | null }) {
  const graph = useQuery<Graph>(url("/ui/graph", { dag, run }));
  const states = useQuery<RunPage>(run ? url("/ui/run", { dag, run }) : null);
  useReloadOn((c) => run !== null && c[0] === dag && c[1] === run, states.reload, 500);
  const byTask = useMemo(() => {
    const found = new Map<string, string[]>();
    for (const ti of states.data?.instances ?? []) {
      const all = found.get(ti.task);
      if (all) all.push(ti.state);
      else found.set(ti.task, [ti.state]);
    }
    return found;
  }, [states.data]);
  return (
    <Loaded query={graph}>
      {(data) => <Canvas dag={dag} run={run} data={data} states={byTask} />}
    </Loaded>
  );
}

let worker: Worker | null = null;
let asked = 0;

/** Lay out in the worker; the last answer stays until the next is there. */
function useDrawing(ask: Ask): Drawing | null {
  const [drawing, setDrawing] = useState<Drawing | null>(null);
  useEffect(() => {
    worker ??= new Worker(new URL("../core/layout.worker.ts", import.meta.url), { type: "module" });
    const id = ++asked;
    const hear = (event: MessageEvent<{ id: number; drawing: Drawing }>): void => {
      if (event.data.id === id) setDrawing(event.data.drawing);
    };
    worker.addEventListener("message", hear);
    worker.postMessage({ id, ask });
    return () => worker?.removeEventListener("message", hear);
  }, [ask]);
  return drawing;
}

interface View {
  x: number;
  y: number;
  zoom: number;
}

function Canvas({ dag, run, data, states }: { dag: string; run: string | null; data: Graph; states: Map<string, string[]> }) {
  const [closed, setClosed] = useState<ReadonlySet<number>>(
    () => new Set(data.tasks.length > MANY ? data.groups.map((_, n) => n) : []),
  );
  const [find, setFind] = useState("");
  const [chosen, setChosen] = useState<number | null>(null);
  const [hover, setHover] = useState<number | null>(null);
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const view = useRef<View | null>(null);
  const drag = useRef<{ x: number; y: number; moved: boolean } | null>(null);
  const inked = useMemo(() => ink(ICON), [theme.value, systemDark.value]);
  const names = useMemo(() => data.tasks.map((t) => data.names[t[0]] ?? shortName(t[0], data, t[1])), [data]);
  const groupNames = useMemo(() => data.groups.map((g) => g[2] || shortName(g[0], data, g[1])), [data]);
  const ask = useMemo<Ask>(
    () => ({
      widths: names.map((n) => width(n)),
      groupOf: data.tasks.map((t) => t[1]),
      groups: data.groups,
      groupWidths: groupNames.map((n) => width(n) + 28),
      edges: data.edges,
      closed: [...closed],
    }),
    [data, closed, names, groupNames],
  );
  const drawing = useDrawing(ask);
  const stateOf = (node: DrawnNode): string | null => {
    if (states.size === 0) return null;
    if (node.kind === "task") return worst(states.get(data.tasks[node.index]![0]) ?? []);
    const prefix = data.groups[node.index]![0];
    return worst(
      data.tasks.flatMap((t) => (within(t[1], node.index, data) || t[0].startsWith(`${prefix}.`) ? (states.get(t[0]) ?? []) : [])),
    );
  };
  const near = useMemo(() => {
    const at = hover ?? chosen;
    if (at === null || !drawing) return null;
    const found = new Set([at]);
    for (const e of drawing.edges) {
      if (e.from === at) found.add(e.to);
      if (e.to === at) found.add(e.from);
    }
    return found;
  }, [hover, chosen, drawing]);
  const matches = (node: DrawnNode): boolean =>
    find !== "" && node.kind === "task" && data.tasks[node.index]![0].toLowerCase().includes(find.toLowerCase());

  const draw = (): void => {
    const element = frame.current;
    if (!element || !canvas.current || !drawing) return;
    const [w, h] = [element.clientWidth, element.clientHeight];
    const ctx = fit(canvas.current, w, h);
    view.current ??= fitted(drawing, w, h);
    const { x, y, zoom } = view.current;
    ctx.clearRect(0, 0, w, h);
    ctx.translate(x, y);
    ctx.scale(zoom, zoom);
    const seen = { left: -x / zoom, top: -y / zoom, right: (w - x) / zoom, bottom: (h - y) / zoom };
    const visible = (n: DrawnNode): boolean =>
      n.x < seen.right && n.y < seen.bottom && n.x + n.width > seen.left && n.y + n.height > seen.top;
    const css = inked.css;
    for (const node of drawing.nodes) {
      if (node.kind !== "open" || !visible(node)) continue;
      ctx.beginPath();
      ctx.roundRect(node.x, node.y, node.width, node.height, 9);
      ctx.fillStyle = css("--hover");
      ctx.fill();
      ctx.strokeStyle = css("--line");
      ctx.lineWidth = 1;
      ctx.stroke();
      if (zoom > 0.4) text(ctx, groupNames[node.index]!, node.x + 13, node.y + 17, css("--muted"), true);
    }
    ctx.lineWidth = Math.min(2.5, 1.3 / Math.max(0.5, zoom));
    for (const edge of drawing.edges) {
      const hot = near !== null && (edge.from === (hover ?? chosen) || edge.to === (hover ?? chosen));
      ctx.strokeStyle = css(hot ? "--accent" : "--line-strong");
      ctx.globalAlpha = near && !hot ? 0.25 : hot ? 1 : 0.6;
      curve(ctx, edge.path);
      ctx.stroke();
    }
    ctx.globalAlpha = 1;
    drawing.nodes.forEach((node, i) => {
      if (node.kind === "open" || !visible(node)) return;
      const state = stateOf(node);
      ctx.globalAlpha = near && !near.has(i) ? 0.45 : find && !matches(node) ? 0.3 : 1;
      ctx.beginPath();
      ctx.roundRect(node.x, node.y, node.width, node.height, 7);
      ctx.fillStyle = zoom < 0.35 && state ? inked.fill(state) : css("--surface");
      ctx.fill();
      ctx.strokeStyle = i === chosen ? css("--accent") : state && state !== "none" ? inked.fill(state) : css("--line-strong");
      ctx.lineWidth = i === chosen ? 2.4 : 1.3;
      if (node.kind === "closed") ctx.setLineDash([5, 3]);
      ctx.stroke();
      ctx.setLineDash([]);
      if (zoom >= 0.35) {
        const pad = state ? 28 : 11;
        if (state) inked.cell(ctx, state, node.x + 8, node.y + (TALL - ICON) / 2);
        const name = node.kind === "task" ? names[node.index]! : `${groupNames[node.index]!} ▸`;
        text(ctx, name, node.x + pad, node.y + TALL / 2 + 4, css("--text"), node.kind === "closed");
        if (node.kind === "task" && data.tasks[node.index]![3]) text(ctx, "[ ]", node.x + node.width - 22, node.y + TALL / 2 + 4, css("--muted"));
      }
      ctx.globalAlpha = 1;
    });
  };
  useLayoutEffect(draw);
  useEffect(() => {
    const observer = new ResizeObserver(() => draw());
    observer.observe(frame.current!);
    return () => observer.disconnect();
  }, []);

  const nodeAt = (event: MouseEvent): number | null => {
    if (!drawing || !view.current) return null;
    const rect = canvas.current!.getBoundingClientRect();
    const px = (event.clientX - rect.left - view.current.x) / view.current.zoom;
    const py = (event.clientY - rect.top - view.current.y) / view.current.zoom;
    for (let i = drawing.nodes.length - 1; i >= 0; i--) {
      const n = drawing.nodes[i]!;
      const tall = n.kind === "open" ? 26 : n.height;
      if (px >= n.x && px <= n.x + n.width && py >= n.y && py <= n.y + tall) return i;
    }
    return null;
  };
  const zoomBy = (factor: number, cx?: number, cy?: number): void => {
    const v = view.current;
    const element = frame.current;
    if (!v || !element) return;
    const [px, py] = [cx ?? element.clientWidth / 2, cy ?? element.clientHeight / 2];
    const zoom = Math.max(0.05, Math.min(3, v.zoom * factor));
    view.current = { zoom, x: px - ((px - v.x) * zoom) / v.zoom, y: py - ((py - v.y) * zoom) / v.zoom };
    draw();
  };
  const open = (i: number): void => {
    const node = drawing!.nodes[i]!;
    if (node.kind === "task") {
      if (run) go(taskLink(dag, run, data.tasks[node.index]![0]));
      return;
    }
    const next = new Set(closed);
    if (!next.delete(node.index)) next.add(node.index);
    setChosen(null);
    setHover(null);
    setClosed(next);
  };
  const keys = (event: KeyboardEvent): void => {
    if (!drawing || drawing.nodes.length === 0) return;
    const at = chosen ?? -1;
    let next: number | null = null;
    if (event.key === "ArrowRight") next = drawing.edges.find((e) => e.from === at)?.to ?? null;
    else if (event.key === "ArrowLeft") next = drawing.edges.find((e) => e.to === at)?.from ?? null;
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") next = beside(drawing, at, event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "Enter" && chosen !== null) return open(chosen);
    else if (event.key === "+" || event.key === "=") return zoomBy(1.2);
    else if (event.key === "-") return zoomBy(1 / 1.2);
    else if (event.key === "0") {
      view.current = null;
      return draw();
    } else if (event.key === "Escape") return setChosen(null);
    else return;
    event.preventDefault();
    if (at < 0) next = drawing.nodes.findIndex((n) => n.kind !== "open");
    if (next === null) return;
    setChosen(next);
    const n = drawing.nodes[next]!;
    const v = view.current!;
    const [sx, sy] = [n.x * v.zoom + v.x, n.y * v.zoom + v.y];
    const [w, h] = [frame.current!.clientWidth, frame.current!.clientHeight];
    if (sx < 0 || sy < 0 || sx + n.width * v.zoom > w || sy + n.height * v.zoom > h)
      view.current = { ...v, x: w / 2 - (n.x + n.width / 2) * v.zoom, y: h / 2 - n.y * v.zoom };
  };
  const current = chosen !== null && drawing?.nodes[chosen] ? drawing.nodes[chosen]! : null;
  return (
    <>
      <div class="toolbar">
        <label class="search small-search">
          <Icon name="search" size={15} />
          <span class="sr">Find tasks</span>
          <input type="search" placeholder={`Find among ${data.tasks.length} tasks`} value={find} onInput={(e) => setFind(e.currentTarget.value)} />
        </label>
        {data.groups.length > 0 && (
          <button
            class="quiet"
            onClick={() => {
              view.current = null;
              setClosed(closed.size ? new Set() : new Set(data.groups.map((_, n) => n)));
            }}
          >
            {closed.size ? "Open groups" : "Close groups"}
          </button>
        )}
        <RunChoice dag={dag} run={run} />
        <span class="spring" />
        <span class="actions">
          <button class="square" aria-label="Zoom out" onClick={() => zoomBy(1 / 1.3)}>
            –
          </button>
          <button class="square" aria-label="Zoom in" onClick={() => zoomBy(1.3)}>
            +
          </button>
          <button
            onClick={() => {
              view.current = null;
              draw();
            }}
          >
            Fit
          </button>
        </span>
      </div>
      <div
        ref={frame}
        class="graph"
        role="application"
        aria-label={`Graph of ${dag}: ${data.tasks.length} tasks. Arrow keys go along the edges, Enter opens.`}
        aria-describedby="graph-active"
        tabIndex={0}
        data-ready={drawing ? "yes" : undefined}
        onKeyDown={keys}
      >
        <p id="graph-active" class="sr" aria-live="polite">
          {current && `${current.kind === "task" ? names[current.index] : groupNames[current.index]}${stateOf(current) ? `, ${label(stateOf(current)!)}` : ""}`}
        </p>
        <canvas
          ref={canvas}
          onPointerDown={(e) => {
            drag.current = { x: e.clientX, y: e.clientY, moved: false };
            e.currentTarget.setPointerCapture(e.pointerId);
          }}
          onPointerMove={(e) => {
            const d = drag.current;
            if (d && view.current) {
              if (!d.moved && Math.hypot(e.clientX - d.x, e.clientY - d.y) < 4) return;
              d.moved = true;
              view.current = { ...view.current, x: view.current.x + e.clientX - d.x, y: view.current.y + e.clientY - d.y };
              d.x = e.clientX;
              d.y = e.clientY;
              draw();
            } else {
              const at = nodeAt(e);
              if (at !== hover) setHover(at);
              e.currentTarget.style.cursor = at === null ? "grab" : "pointer";
            }
          }}
          onPointerUp={(e) => {
            const moved = drag.current?.moved;
            drag.current = null;
            if (moved) return;
            const at = nodeAt(e);
            if (at === null) setChosen(null);
            else if (chosen === at || drawing!.nodes[at]!.kind !== "task") open(at);
            else setChosen(at);
          }}
          onPointerLeave={() => setHover(null)}
          onWheel={(e) => {
            e.preventDefault();
            const rect = e.currentTarget.getBoundingClientRect();
            if (e.ctrlKey || e.metaKey) zoomBy(Math.exp(-e.deltaY / 300), e.clientX - rect.left, e.clientY - rect.top);
            else if (view.current) {
              view.current = { ...view.current, x: view.current.x - e.deltaX, y: view.current.y - e.deltaY };
              draw();
            }
          }}
        />
        {!drawing && <div class="skeleton" role="status" aria-label="Laying out" />}
        {current?.kind === "task" && (
          <div class="graph-card">
            <strong class="wrap">{data.tasks[current.index]![0]}</strong>
            <span class="muted small mono">{data.tasks[current.index]![2]}</span>
            {stateOf(current) && <span class="small">{label(stateOf(current)!)}</span>}
            {run && (
              <a class="button" href={taskLink(dag, run, data.tasks[current.index]![0])}>
                Log and details
              </a>
            )}
          </div>
        )}
      </div>
    </>
  );
}

export function RunChoice({ dag, run }: { dag: string; run: string | null }) {
  const runs = useQuery<{ runs: ListedRun[] }>(url("/ui/runs", { dag, limit: 25 }));
  const here = location.pathname.includes("/runs/");
  if (here || !runs.data?.runs.length) return null;
  return (
    <label class="inline">
      <span class="muted">Run</span>
      <select value={run ?? ""} onChange={(e) => setQuery({ run: e.currentTarget.value })}>
        <option value="">None</option>
        {runs.data.runs.map((r) => (
          <option key={r.id} value={r.id}>
            {stamp(r.after)} · {label(r.state).toLowerCase()}
          </option>
        ))}
      </select>
    </label>
  );
}

function within(group: number, wanted: number, data: Graph): boolean {
  for (let g = group; g >= 0; g = data.groups[g]![1]) if (g === wanted) return true;
  return false;
}

function shortName(id: string, data: Graph, group: number): string {
  const prefix = group >= 0 ? `${data.groups[group]![0]}.` : "";
  return prefix && id.startsWith(prefix) ? id.slice(prefix.length) : id;
}

/** A wide enough box without measuring a thousand texts. */
function width(name: string): number {
  return Math.min(320, 62 + name.length * 6.7);
}

function text(ctx: CanvasRenderingContext2D, words: string, x: number, y: number, colour: string, bold = false): void {
  ctx.font = `${bold ? "600 " : ""}12px system-ui, sans-serif`;
  ctx.fillStyle = colour;
  const shown = words.length > 42 ? `${words.slice(0, 41)}…` : words;
  ctx.fillText(shown, x, y);
}

function curve(ctx: CanvasRenderingContext2D, path: number[]): void {
  ctx.beginPath();
  ctx.moveTo(path[0]!, path[1]!);
  for (let i = 2; i < path.length; i += 2) {
    const [x0, y0, x1, y1] = [path[i - 2]!, path[i - 1]!, path[i]!, path[i + 1]!];
    if (y0 === y1) ctx.lineTo(x1, y1);
    else {
      const half = (x1 - x0) / 2;
      ctx.bezierCurveTo(x0 + half, y0, x1 - half, y1, x1, y1);
    }
  }
}

function fitted(drawing: Drawing, w: number, h: number): View {
  const whole = Math.min((w - 48) / Math.max(1, drawing.width), (h - 48) / Math.max(1, drawing.height));
  // A long chain is shown from its start, at a size that can be read; a large graph as a whole.
  const least = drawing.nodes.length > MANY ? 0.03 : LEGIBLE;
  const zoom = Math.max(least, Math.min(1, whole));
  const [gapX, gapY] = [w - drawing.width * zoom, h - drawing.height * zoom];
  return { zoom, x: gapX > 0 ? gapX / 2 : 24, y: gapY > 0 ? gapY / 2 : 24 };
}

/** The next node above or below, in about the same column. */
function beside(drawing: Drawing, at: number, by: 1 | -1): number | null {
  const from = drawing.nodes[at];
  if (!from) return null;
  let best: number | null = null;
  let least = Infinity;
  drawing.nodes.forEach((n, i) => {
    const gap = (n.y - from.y) * by;
    if (i === at || n.kind === "open" || gap <= 0) return;
    const far = gap + Math.abs(n.x - from.x) * 3;
    if (far < least) [least, best] = [far, i];
  });
  return best;
}
