// How the grid looks on its canvas: the runs' bars above, a cell for each task and run below.
import type { Ink } from "./paint";
import type { Row } from "./rows";
import { isChosen, type Chosen } from "./selection";
import { BY_LETTER, worst } from "./states";
import { clock, day, zone } from "./time";
import type { Grid } from "./types";

export const ROW = 24;
export const COLUMN = 20;
export const CELL = 16;
export const HEAD = 84;
const BAR = 50;

export interface Spot {
  row: number;
  col: number;
}

/** The state that a row shows for a run: a task's own, or the worst of a group's. */
export function stateAt(data: Grid, row: Row, col: number): string | null {
  const cells = data.cells[col];
  if (!cells) return null;
  if (row.kind === "task") return BY_LETTER[cells[row.tasks[0]!] ?? "-"] ?? null;
  return worst(row.tasks.map((t) => BY_LETTER[cells[t] ?? "-"]).filter((s) => s !== undefined));
}

export interface Scene {
  data: Grid;
  rows: Row[];
  inked: Ink;
  w: number;
  h: number;
  left: number;
  top: number;
  spot: Spot | null;
  hover: Spot | null;
  chosen: Chosen;
}

export function paint(ctx: CanvasRenderingContext2D, scene: Scene): void {
  const { data, rows, inked, w, h, left, top, spot, hover, chosen } = scene;
  ctx.clearRect(0, 0, w, h);
  const c0 = Math.max(0, Math.floor(left / COLUMN));
  const c1 = Math.min(data.runs.length, Math.ceil((left + w) / COLUMN));
  const r0 = Math.max(0, Math.floor(top / ROW));
  const r1 = Math.min(rows.length, Math.ceil((top + h - HEAD) / ROW));
  const x = (col: number): number => col * COLUMN - left;
  ctx.save();
  ctx.beginPath();
  ctx.rect(0, HEAD, w, h - HEAD);
  ctx.clip();
  for (const at of [hover, spot]) {
    if (!at) continue;
    ctx.fillStyle = inked.css("--hover");
    if (at.row >= 0) ctx.fillRect(0, HEAD + at.row * ROW - top, w, ROW);
    ctx.fillRect(x(at.col), HEAD, COLUMN, h);
  }
  const inset = (COLUMN - CELL) / 2;
  for (let r = r0; r < r1; r++) {
    const row = rows[r]!;
    const y = HEAD + r * ROW - top + (ROW - CELL) / 2;
    for (let c = c0; c < c1; c++) {
      const state = stateAt(data, row, c);
      if (chosen.size > 0 && isChosen(chosen, data, row, c)) {
        ctx.fillStyle = inked.css("--accent-soft");
        ctx.fillRect(x(c), y - (ROW - CELL) / 2, COLUMN, ROW);
        ctx.fillStyle = inked.css("--accent");
        ctx.fillRect(x(c), y + CELL + 1.5, COLUMN, 2);
      }
      if (state) inked.cell(ctx, state, x(c) + inset, y);
    }
  }
  if (spot && rows[spot.row]) {
    ctx.strokeStyle = inked.css("--accent");
    ctx.lineWidth = 2;
    ctx.beginPath();
    ctx.roundRect(x(spot.col), HEAD + spot.row * ROW - top + (ROW - COLUMN) / 2, COLUMN, COLUMN, 5);
    ctx.stroke();
  }
  ctx.restore();
  paintHead(ctx, scene, c0, c1, x);
}

function paintHead(
  ctx: CanvasRenderingContext2D,
  { data, inked, w, hover, spot }: Scene,
  c0: number,
  c1: number,
  x: (col: number) => number,
): void {
  ctx.fillStyle = inked.css("--surface");
  ctx.fillRect(0, 0, w, HEAD);
  for (const at of [hover, spot]) {
    if (!at) continue;
    ctx.fillStyle = inked.css("--hover");
    ctx.fillRect(x(at.col), 0, COLUMN, HEAD);
  }
  const now = Date.now() / 1000;
  const took = data.runs.map((r) => (r.start ? Math.max(0.1, (r.end ?? now) - r.start) : 0));
  const longest = Math.max(1, ...took);
  ctx.font = `10.5px ${getComputedStyle(document.body).fontFamily}`;
  ctx.textBaseline = "alphabetic";
  let free = -100;
  for (let c = c0; c < c1; c++) {
    const run = data.runs[c]!;
    const height = Math.max(4, (took[c]! / longest) * BAR);
    const y = HEAD - 22 - height;
    ctx.fillStyle = ctx.strokeStyle = inked.fill(run.state);
    ctx.beginPath();
    ctx.roundRect(x(c) + 4, y, COLUMN - 8, height, [3, 3, 1, 1]);
    if (run.state === "queued") ctx.stroke();
    else ctx.fill();
    if (run.state === "failed") {
      // Not by colour alone: a failed run's bar wears a cross.
      ctx.lineWidth = 1.7;
      ctx.beginPath();
      const [mx, my] = [x(c) + COLUMN / 2, y - 6];
      ctx.moveTo(mx - 2.6, my - 2.6);
      ctx.lineTo(mx + 2.6, my + 2.6);
      ctx.moveTo(mx + 2.6, my - 2.6);
      ctx.lineTo(mx - 2.6, my + 2.6);
      ctx.stroke();
    }
    if (run.note) {
      // Somebody wrote something about it: a dot on its foot.
      ctx.fillStyle = inked.css("--accent");
      ctx.beginPath();
      ctx.arc(x(c) + COLUMN / 2, HEAD - 18.5, 2.2, 0, 7);
      ctx.fill();
    }
    const before = data.runs[c - 1];
    const newDay = !before || day(before.after, zone.value) !== day(run.after, zone.value);
    if ((newDay || c === c1 - 1 || x(c) - free > 110) && x(c) >= free) {
      const text = newDay ? dayText(run.after) : clock(run.after, false, zone.value);
      const wide = ctx.measureText(text).width;
      if (x(c) + wide <= w) {
        ctx.fillStyle = inked.css("--muted");
        ctx.fillText(text, x(c) + 3, HEAD - 7);
        free = x(c) + wide + 14;
      }
    }
  }
  ctx.fillStyle = inked.css("--line");
  ctx.fillRect(0, HEAD - 1, w, 1);
}

function dayText(seconds: number): string {
  return new Intl.DateTimeFormat("en-GB", {
    timeZone: zone.value,
    day: "numeric",
    month: "short",
  }).format(seconds * 1000);
}
