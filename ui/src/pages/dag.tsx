// A DAG's page: what it is, and its views.
import { useState } from "preact/hooks";
import { may, patch } from "../core/api";
import { useQuery } from "../core/query";
import { go, query } from "../core/router";
import { span } from "../core/time";
import type { Dag } from "../core/types";
import { Favorite } from "../parts/favorite";
import { Icon } from "../parts/icon";
import { dagLink, Loaded, PageHead, runLink, Tabs, useTitle } from "../parts/page";
import { lazily } from "../parts/lazy";
import { Prose } from "../parts/prose";
import { Ago, Time } from "../parts/time";
import { failed, toast } from "../parts/toast";
import { TriggerButton } from "../parts/trigger";
import { GridView } from "./grid";

const GraphView = lazily(() => import("./graph").then((m) => m.GraphView));
const GanttView = lazily(() => import("./gantt").then((m) => m.GanttView));
const CalendarView = lazily(() => import("./calendar").then((m) => m.CalendarView));
const CodeView = lazily(() => import("./code").then((m) => m.CodeView));
const RunsView = lazily(() => import("./runs").then((m) => m.DagRuns));
const BackfillsView = lazily(() => import("./backfills").then((m) => m.DagBackfills));

const TABS: [string, string, string][] = [
  ["", "Grid", "grid"],
  ["graph", "Graph", "graph"],
  ["gantt", "Gantt", "gantt"],
  ["runs", "Runs", "runs"],
  ["calendar", "Calendar", "calendar"],
  ["backfills", "Backfills", "backfill"],
  ["code", "Code", "code"],
  ["details", "Details", "info"],
];

export function DagPage({ dag, tab = "" }: { dag: string; tab?: string }) {
  useTitle(dag);
  const frame = useQuery<Dag>(`/ui/dag?dag=${encodeURIComponent(dag)}`);
  const [busy, setBusy] = useState(false);
  const data = frame.data;
  const pause = async (): Promise<void> => {
    if (!data) return;
    setBusy(true);
    try {
      await patch(`/api/v2/dags/${encodeURIComponent(dag)}?update_mask=is_paused`, {
        is_paused: !data.paused,
      });
      frame.mutate((d) => ({ ...d, paused: !d.paused }));
      toast(`${dag} is ${data.paused ? "active" : "paused"}`);
    } catch (error) {
      failed(error);
    }
    setBusy(false);
  };
  if (frame.error && !data) return <Loaded query={frame}>{() => null}</Loaded>;
  return (
    <>
      <PageHead
        title={data?.name ?? dag}
        crumbs={[["DAGs", "/dags"]]}
        lead={data && <Lead dag={data} />}
        actions={
          data &&
          may("user") && (
            <>
              <Favorite dag={dag} on={data.favorite} />
              <label class="toggle">
                <button
                  class="switch"
                  role="switch"
                  aria-checked={!data.paused}
                  aria-label="Active"
                  disabled={busy}
                  onClick={pause}
                />
                <span>{data.paused ? "Paused" : "Active"}</span>
              </label>
              <TriggerButton
                dag={dag}
                onDone={tab === "" ? () => toast("It shows in the grid as it starts") : (r) => go(runLink(dag, r))}
              />
            </>
          )
        }
      />
      <Tabs base={dagLink(dag)} tabs={TABS} />
      {tab === "" && <GridView key={dag} dag={dag} />}
      {tab === "graph" && <GraphView dag={dag} run={query.value.get("run")} />}
      {tab === "gantt" && <GanttView dag={dag} run={query.value.get("run")} />}
      {tab === "runs" && <RunsView dag={dag} />}
      {tab === "calendar" && <CalendarView dag={dag} />}
      {tab === "backfills" && <BackfillsView dag={dag} />}
      {tab === "code" && <CodeView dag={dag} />}
      {tab === "details" && data && <Details dag={data} />}
    </>
  );
}

function Lead({ dag }: { dag: Dag }) {
  return (
    <>
      <span class="mono small" title={dag.schedule_words}>
        {dag.schedule}
      </span>
      {!dag.paused && dag.next !== null && (
        <span>
          next <Ago at={dag.next} />
        </span>
      )}
      <span>{dag.owners}</span>
      {dag.tags.map((t) => (
        <a key={t} class="tag" href={`/dags?tag=${encodeURIComponent(t)}`}>
          {t}
        </a>
      ))}
      {!dag.active && (
        <span class="state-tag s-up_for_retry">
          <Icon name="errors" size={14} /> its file no longer defines it
        </span>
      )}
    </>
  );
}

function Details({ dag }: { dag: Dag }) {
  return (
    <div class="columns">
      <section class="card">
        <h2>Schedule</h2>
        <dl class="facts">
          <dt>In words</dt>
          <dd>{dag.schedule_words}</dd>
          <dt>As written</dt>
          <dd class="mono">{dag.schedule}</dd>
          <dt>Time zone</dt>
          <dd>{dag.timezone}</dd>
          <dt>Next run</dt>
          <dd>
            <Time at={dag.next} />
          </dd>
          <dt>Start</dt>
          <dd>
            <Time at={dag.start} />
          </dd>
          <dt>End</dt>
          <dd>
            <Time at={dag.end} />
          </dd>
          <dt>Catch up</dt>
          <dd>{dag.catchup ? "yes" : "no"}</dd>
        </dl>
      </section>
      <section class="card">
        <h2>The DAG</h2>
        <dl class="facts">
          <dt>Id</dt>
          <dd class="mono">{dag.id}</dd>
          <dt>File</dt>
          <dd class="mono">{dag.file}</dd>
          <dt>Version</dt>
          <dd>{dag.version}</dd>
          <dt>Parsed</dt>
          <dd>
            <Time at={dag.parsed} />
            {dag.parse_s !== null && <span class="muted"> in {span(dag.parse_s)}</span>}
          </dd>
          <dt>Tasks</dt>
          <dd>{dag.tasks}</dd>
          <dt>Active runs, at most</dt>
          <dd>{dag.max_active_runs}</dd>
          <dt>Active tasks of a run, at most</dt>
          <dd>{dag.max_active_tasks}</dd>
        </dl>
      </section>
      {(dag.description || dag.doc) && (
        <section class="card span">
          <h2>About</h2>
          {dag.description && <p>{dag.description}</p>}
          {dag.doc && <Prose text={dag.doc} />}
        </section>
      )}
    </div>
  );
}
