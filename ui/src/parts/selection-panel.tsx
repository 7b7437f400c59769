// What stands beside the grid when several cells are chosen: what they are, and what to do about all.
import { count, type Chosen } from "../core/selection";
import { BY_LETTER, label } from "../core/states";
import type { Grid } from "../core/types";
import { PartActions } from "./act";
import { Icon } from "./icon";
import { StateCount } from "./state";

export function SelectionPanel({
  dag,
  data,
  chosen,
  onClose,
}: {
  dag: string;
  data: Grid;
  chosen: Chosen;
  onClose: () => void;
}) {
  const all = count(chosen);
  const tasks = new Set([...chosen.values()].flatMap((own) => [...own]));
  const what = `${all} task instance${all === 1 ? "" : "s"}`;
  return (
    <aside class="cell-panel" aria-label="The chosen cells">
      <header>
        <div>
          <h2>
            <span role="status">{what}</span>
          </h2>
          <p class="small muted">
            {tasks.size === 1 ? [...tasks][0] : `${tasks.size} tasks`} in {chosen.size === 1 ? "one run" : `${chosen.size} runs`}
          </p>
        </div>
        <button class="quiet square" aria-label="Choose none" onClick={onClose}>
          <Icon name="x" />
        </button>
      </header>
      <ul class="actions" aria-label="By state">
        {[...counts(data, chosen)]
          .sort((a, b) => b[1] - a[1])
          .map(([state, n]) => (
            <li key={state} title={label(state)}>
              <StateCount state={state} count={n} />
            </li>
          ))}
      </ul>
      <PartActions
        dag={dag}
        what={what}
        parts={[...chosen].map(([run, own]) => ({ run, tasks: [...own] }))}
        onDone={onClose}
      />
    </aside>
  );
}

function counts(data: Grid, chosen: Chosen): Map<string, number> {
  const found = new Map<string, number>();
  const ids = [...data.tasks.map((t) => t[0]), ...data.gone];
  data.runs.forEach((run, col) => {
    const own = chosen.get(run.id);
    if (!own) return;
    ids.forEach((id, n) => {
      if (!own.has(id)) return;
      const state = BY_LETTER[data.cells[col]![n] ?? "-"] ?? "none";
      found.set(state, (found.get(state) ?? 0) + 1);
    });
  });
  return found;
}
