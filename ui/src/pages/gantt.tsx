// The Gantt chart of a run: waiting and running, task by task; whole rows can be clicked.
import { useMemo } from "preact/hooks";
import { url } from "../core/api";
import { useReloadOn } from "../core/live";
import { useQuery } from "../core/query";
import { query } from "../core/router";
import { label, LIVE } from "../core/states";
import { clock, now, span, zone, zoneName } from "../core/time";
import type { Instance, ListedRun, RunPage } from "../core/types";
import { Empty, Loaded, taskLink } from "../parts/page";
import { StateIcon } from "../parts/state";
import { RunChoice } from "./graph";

const MOST = 400;

export function GanttView({ dag, run }: { dag: string; run: string | null }) {
  const latest = useQuery<{ runs: ListedRun[] }>(run ? null : url("/ui/runs", { dag, limit: 1 }));
  const chosen = run ?? latest.data?.runs[0]?.id ?? null;
  const page = useQuery<RunPage>(chosen ? url("/ui/run", { dag, run: chosen }) : null);
  useReloadOn((c) => c[0] === dag && c[1] === chosen, page.reload, 600);
  if (!run && latest.data?.runs.length === 0) return <Empty title="No run yet" />;
  return (
    <>
      <div class="toolbar">
        <RunChoice dag={dag} run={query.value.get("run") ?? chosen} />
      </div>
      <Loaded query={page}>{(data) => <Chart dag={dag} data={data} />}</Loaded>
    </>
  );
}

function Chart({ dag, data }: { dag: string; data: RunPage }) {
  const live = data.run.state === "running";
  const at = live ? now.value : 0;
  const rows = useMemo(
    () =>
      data.instances
        .filter((ti) => ti.queued !== null || ti.start !== null)
        .sort((a, b) => (a.queued ?? a.start!) - (b.queued ?? b.start!)),
    [data.instances],
  );
  if (rows.length === 0) return <Empty title="Nothing has started in this run" />;
  const begin = Math.min(...rows.map((r) => r.queued ?? r.start!));
  const end = Math.max(begin + 1, ...rows.map((r) => r.end ?? (LIVE.has(r.state) && live ? at : (r.start ?? r.queued!))));
  const part = (t: number): number => (100 * (t - begin)) / (end - begin);
  const ticks = marks(begin, end);
  return (
    <div class="gantt card" role="group" aria-label="Tasks over time">
      <div class="gantt-row gantt-head">
        <span class="muted small">
          {zoneName(begin, zone.value)}
        </span>
        <span class="gantt-axis" aria-hidden="true">
          {ticks.map((t) => (
            <span key={t} class="small muted num" style={{ left: `${part(t)}%` }}>
              {clock(t, end - begin < 600, zone.value)}
            </span>
          ))}
        </span>
        <span class="muted small end">
          Took
        </span>
      </div>
      {rows.slice(0, MOST).map((ti) => (
        <Row key={`${ti.task} ${ti.map}`} dag={dag} run={data.run.id} ti={ti} part={part} until={live ? at : end} ticks={ticks} />
      ))}
      {rows.length > MOST && <p class="muted small">The first {MOST} of {rows.length} are shown.</p>}
    </div>
  );
}

function Row({
  dag,
  run,
  ti,
  part,
  until,
  ticks,
}: {
  dag: string;
  run: string;
  ti: Instance;
  part: (t: number) => number;
  until: number;
  ticks: number[];
}) {
  const name = ti.map < 0 ? ti.task : `${ti.task}[${ti.map}]`;
  const live = LIVE.has(ti.state);
  const end = ti.end ?? (live ? until : (ti.start ?? ti.queued!));
  const start = ti.start ?? end;
  const took = ti.start ? end - ti.start : 0;
  const waited = ti.queued !== null ? start - ti.queued : 0;
  return (
    <a
      class="gantt-row"
     
      href={taskLink(dag, run, ti.task, ti.map)}
      title={`${name} · ${label(ti.state)} · waited ${span(Math.max(0, waited))}, ran ${span(took)}`}
    >
      <span class="gantt-name">
        <StateIcon state={ti.state} size={14} />
        <span class="sr">{label(ti.state)}</span>
        <span class="clip">{name}</span>
      </span>
      <span class="gantt-lane">
        {ticks.map((t) => (
          <span key={t} class="gantt-tick" style={{ left: `${part(t)}%` }} />
        ))}
        {ti.queued !== null && waited > 0 && (
          <span class="gantt-wait" style={{ left: `${part(ti.queued)}%`, width: `${part(start) - part(ti.queued)}%` }} />
        )}
        {ti.start && (
          <span
            class={`gantt-bar s-${ti.state}`}
            style={{ left: `${part(ti.start)}%`, width: `max(3px, ${part(end) - part(ti.start)}%)` }}
          />
        )}
      </span>
      <span class="num small end">
        {ti.start ? span(took) : "–"}
      </span>
    </a>
  );
}

function marks(begin: number, end: number): number[] {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  const step = steps.find((s) => (end - begin) / s <= 6) ?? 86400 * Math.ceil((end - begin) / 86400 / 6);
  const found: number[] = [];
  for (let t = Math.ceil(begin / step) * step; t < end; t += step) found.push(t);
  return found;
}
