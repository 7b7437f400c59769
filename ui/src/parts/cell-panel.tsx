// What stands beside the grid when a cell is chosen: the essentials, and what to do about it.
import { may, url } from "../core/api";
import { useReloadOn } from "../core/live";
import { useQuery } from "../core/query";
import type { Row } from "../core/rows";
import { LIVE } from "../core/states";
import type { Run, TaskPage } from "../core/types";
import { Actions } from "./act";
import { Icon } from "./icon";
import { runLink, taskLink } from "./page";
import { StateTag } from "./state";
import { Time, Took } from "./time";

export function CellPanel({
  dag,
  run,
  row,
  tasks,
  state,
  onClose,
}: {
  dag: string;
  run: Run;
  row: Row;
  tasks: string[];
  state: string | null;
  onClose: () => void;
}) {
  const task = row.kind === "task" ? row.key : null;
  const to = task && state ? url("/ui/task", { dag, run: run.id, task }) : null;
  const page = useQuery<TaskPage>(to);
  useReloadOn((c) => c[0] === dag && c[1] === run.id && c[2] === task, page.reload, 400);
  const ti = page.data?.ti;
  return (
    <aside class="cell-panel" aria-label="The chosen cell">
      <header>
        <div>
          <h2 class="wrap">{row.name}</h2>
          <a class="small muted" href={runLink(dag, run.id)}>
            run of <Time at={run.after} />
          </a>
        </div>
        <button class="quiet square" aria-label="Close" onClick={onClose}>
          <Icon name="x" />
        </button>
      </header>
      {state ? <StateTag state={state} /> : <p class="muted">Not in this run.</p>}
      {ti && (
        <dl class="facts tight">
          <dt>Try</dt>
          <dd class="num">
            {ti.try} of {ti.tries}
          </dd>
          <dt>Started</dt>
          <dd>
            <Time at={ti.start} precise />
          </dd>
          <dt>Took</dt>
          <dd>
            <Took start={ti.start} end={ti.end} live={LIVE.has(ti.state)} />
          </dd>
          {ti.reason && (
            <>
              <dt>Reason</dt>
              <dd class="wrap">{ti.reason}</dd>
            </>
          )}
        </dl>
      )}
      {page.data && page.data.mapped.length > 0 && (
        <p class="muted small">{page.data.mapped.length} mapped instances</p>
      )}
      {page.data?.why.map((w) => (
        <p key={w.code} class="banner">
          {w.text}
        </p>
      ))}
      {task && state && (
        <a class="button" href={taskLink(dag, run.id, task)}>
          <Icon name="runs" size={14} /> Log and details
        </a>
      )}
      {state && may("user") && <Actions dag={dag} run={run.id} tasks={tasks} what={row.name} />}
    </aside>
  );
}
