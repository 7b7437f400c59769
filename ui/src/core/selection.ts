// Cells that are chosen together: by run, the ids of tasks. Rows come and go as groups close and
// filters change; what is chosen stays.
import type { Row } from "./rows";
import type { Grid } from "./types";

export type Chosen = ReadonlyMap<string, ReadonlySet<string>>;

export const NOTHING: Chosen = new Map();

export interface Corner {
  row: number;
  col: number;
}

export const taskId = (data: Grid, index: number): string =>
  data.tasks[index]?.[0] ?? data.gone[index - data.tasks.length]!;

/** The tasks of a row that a run has. */
function present(data: Grid, row: Row, col: number): string[] {
  const cells = data.cells[col] ?? "";
  return row.tasks.filter((t) => (cells[t] ?? "-") !== "-").map((t) => taskId(data, t));
}

export function isChosen(chosen: Chosen, data: Grid, row: Row, col: number): boolean {
  const tasks = chosen.get(data.runs[col]!.id);
  if (!tasks) return false;
  const own = present(data, row, col);
  return own.length > 0 && own.every((t) => tasks.has(t));
}

/** Choose every cell of a rectangle, beside what is chosen already. */
export function rectangle(base: Chosen, data: Grid, rows: Row[], one: Corner, other: Corner): Chosen {
  const next = copied(base);
  const [r0, r1] = [Math.min(one.row, other.row), Math.max(one.row, other.row)];
  const [c0, c1] = [Math.min(one.col, other.col), Math.max(one.col, other.col)];
  for (let col = c0; col <= c1; col++) {
    const run = data.runs[col]!.id;
    const tasks = next.get(run) ?? new Set();
    for (const row of rows.slice(Math.max(0, r0), r1 + 1)) for (const t of present(data, row, col)) tasks.add(t);
    if (tasks.size) next.set(run, tasks);
  }
  return next;
}

/** Choose a cell, or leave it out when it is chosen. */
export function toggled(base: Chosen, data: Grid, row: Row, col: number): Chosen {
  const next = copied(base);
  const run = data.runs[col]!.id;
  const tasks = next.get(run) ?? new Set();
  const off = isChosen(base, data, row, col);
  for (const t of present(data, row, col)) off ? tasks.delete(t) : tasks.add(t);
  if (tasks.size) next.set(run, tasks);
  else next.delete(run);
  return next;
}

export function count(chosen: Chosen): number {
  let all = 0;
  for (const tasks of chosen.values()) all += tasks.size;
  return all;
}

function copied(chosen: Chosen): Map<string, Set<string>> {
  return new Map([...chosen].map(([run, tasks]) => [run, new Set(tasks)]));
}
