// A run's page: what failed first, then every task, the Gantt chart and the graph.
import { useState } from "preact/hooks";
import { may, url } from "../core/api";
import { useReloadOn } from "../core/live";
import { useQuery } from "../core/query";
import { label, LIVE, STATES } from "../core/states";
import { now, span } from "../core/time";
import type { Instance, RunPage as Data } from "../core/types";
import { Actions } from "../parts/act";
import { Icon } from "../parts/icon";
import { lazily } from "../parts/lazy";
import { EditNote, Note } from "../parts/note";
import { dagLink, Loaded, PageHead, runLink, Tabs, taskLink, useTitle } from "../parts/page";
import { StateCount, StateTag } from "../parts/state";
import { Time, Took } from "../parts/time";
import { Json } from "../parts/json";
import { TriggerAgain } from "../parts/again";

const GraphView = lazily(() => import("./graph").then((m) => m.GraphView));
const GanttView = lazily(() => import("./gantt").then((m) => m.GanttView));

const TABS: [string, string, string][] = [
  ["", "Tasks", "runs"],
  ["gantt", "Gantt", "gantt"],
  ["graph", "Graph", "graph"],
  ["details", "Details", "info"],
];

export function RunPage({ dag, run, tab = "" }: { dag: string; run: string; tab?: string }) {
  useTitle(`${dag} · ${run}`);
  const page = useQuery<Data>(url("/ui/run", { dag, run }));
  useReloadOn((c) => c[0] === dag && c[1] === run, page.reload, 600);
  return (
    <Loaded query={page}>
      {(data) => (
        <>
          <PageHead
            title={
              <>
                {KINDS[data.run.type] ?? "Run"} <Time at={data.run.after} />
              </>
            }
            crumbs={[
              ["DAGs", "/dags"],
              [dag, dagLink(dag)],
            ]}
            lead={<Lead data={data} />}
            actions={
              may("user") && (
                <>
                  {!data.run.note && <EditNote note={null} path={runPath(dag, run)} onDone={page.reload} />}
                  <TriggerAgain dag={dag} conf={data.run.conf} />
                  <Actions dag={dag} run={run} what="this run" onDone={page.reload} />
                </>
              )
            }
          />
          <Note note={data.run.note} path={runPath(dag, run)} onDone={page.reload} />
          <Tabs base={runLink(dag, run)} tabs={TABS} />
          {tab === "" && <Tasks dag={dag} data={data} />}
          {tab === "gantt" && <GanttView dag={dag} run={run} />}
          {tab === "graph" && <GraphView dag={dag} run={run} />}
          {tab === "details" && <Details data={data} />}
        </>
      )}
    </Loaded>
  );
}

const runPath = (dag: string, run: string): string =>
  `/api/v2/dags/${encodeURIComponent(dag)}/dagRuns/${encodeURIComponent(run)}`;

function Lead({ data }: { data: Data }) {
  const { run, median_s: median } = data;
  const live = run.end === null && run.start !== null;
  const took = run.start ? (run.end ?? now.value) - run.start : null;
  return (
    <>
      <StateTag state={run.state} />
      <span class="mono small run-id">{run.id}</span>
      <span>
        started <Time at={run.start} precise />
      </span>
      <span>
        {live ? "running for " : "took "}
        <Took start={run.start} end={run.end} live={live} />
        {took !== null && median !== null && median > 0 && (
          <span class="muted"> · usually {span(median)}</span>
        )}
      </span>
    </>
  );
}

const KINDS: Record<string, string> = {
  scheduled: "Run of",
  manual: "Manual run of",
  backfill: "Backfill run of",
  asset_triggered: "Run for assets, of",
  operator_triggered: "Run by another task, of",
};

const FIRST = ["failed", "up_for_retry", "running", "awaiting_input", "upstream_failed", "queued", "scheduled", "deferred", "up_for_reschedule", "restarting", "none", "success", "skipped", "removed"];
const SHOWN = 150;

function Tasks({ dag, data }: { dag: string; data: Data }) {
  const [state, setState] = useState<string | null>(null);
  const [find, setFind] = useState("");
  const [all, setAll] = useState(false);
  const counts = new Map<string, number>();
  for (const ti of data.instances) counts.set(ti.state, (counts.get(ti.state) ?? 0) + 1);
  const wanted = data.instances
    .filter((ti) => (!state || ti.state === state) && ti.task.toLowerCase().includes(find.toLowerCase()))
    .map((ti, n) => [FIRST.indexOf(ti.state), n, ti] as const)
    .sort((a, b) => a[0] - b[0] || a[1] - b[1])
    .map((x) => x[2]);
  const bad = data.instances.filter((ti) => ti.state === "failed");
  return (
    <>
      {bad.length > 0 && (
        <section class="failed-first" aria-label="What failed">
          {bad.slice(0, 3).map((ti) => (
            <article class="card failed-card" key={`${ti.task} ${ti.map}`}>
              <StateTag state="failed" text="" />
              <div>
                <a class="strong wrap" href={taskLink(dag, data.run.id, ti.task, ti.map)}>
                  {name(ti)}
                </a>
                <p class="wrap">{ti.reason ?? "No reason was given; its log says more."}</p>
              </div>
              <a class="button" href={taskLink(dag, data.run.id, ti.task, ti.map)}>
                Open log
              </a>
            </article>
          ))}
          {bad.length > 3 && <p class="muted">and {bad.length - 3} more</p>}
        </section>
      )}
      <div class="toolbar">
        <label class="search small-search">
          <Icon name="search" size={15} />
          <span class="sr">Find tasks</span>
          <input type="search" placeholder="Find tasks" value={find} onInput={(e) => setFind(e.currentTarget.value)} />
        </label>
        <div class="segments" role="group" aria-label="Filter by state">
          <button aria-pressed={state === null} onClick={() => setState(null)}>
            All <span class="count">{data.instances.length}</span>
          </button>
          {FIRST.filter((s) => counts.has(s)).map((s) => (
            <button
              key={s}
              aria-pressed={state === s}
              aria-label={`${label(s)}: ${counts.get(s)}`}
              title={STATES[s]?.label}
              onClick={() => setState(state === s ? null : s)}
            >
              <StateCount state={s} count={counts.get(s)!} />
            </button>
          ))}
        </div>
      </div>
      <div class="scroll-x">
        <table class="list">
          <caption class="sr">Task instances</caption>
          <thead>
            <tr>
              <th scope="col">Task</th>
              <th scope="col">State</th>
              <th scope="col" class="num narrow-hide">
                Try
              </th>
              <th scope="col" class="narrow-hide">
                Started
              </th>
              <th scope="col" class="num">
                Took
              </th>
              <th scope="col" class="narrow-hide">
                Reason
              </th>
            </tr>
          </thead>
          <tbody>
            {wanted.slice(0, all ? undefined : SHOWN).map((ti) => (
              <tr key={`${ti.task} ${ti.map}`}>
                <td>
                  <a class="wrap" href={taskLink(dag, data.run.id, ti.task, ti.map)}>
                    {name(ti)}
                  </a>
                </td>
                <td>
                  <StateTag state={ti.state} />
                </td>
                <td class="num narrow-hide">{ti.try || "–"}</td>
                <td class="narrow-hide">
                  <Time at={ti.start} precise />
                </td>
                <td class="num">
                  <Took start={ti.start} end={ti.end} live={LIVE.has(ti.state)} />
                </td>
                <td class="narrow-hide small muted wrap">{ti.reason}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {!all && wanted.length > SHOWN && (
        <p class="pager">
          <button onClick={() => setAll(true)}>Show all {wanted.length}</button>
        </p>
      )}
    </>
  );
}

function name(ti: Instance): string {
  return ti.map < 0 ? ti.task : `${ti.task}[${ti.map}]`;
}

function Details({ data: { run } }: { data: Data }) {
  return (
    <div class="columns">
      <section class="card">
        <h2>Times</h2>
        <dl class="facts">
          <dt>Run after</dt>
          <dd>
            <Time at={run.after} precise />
          </dd>
          <dt>Logical date</dt>
          <dd>
            <Time at={run.logical} precise />
          </dd>
          <dt>Data interval</dt>
          <dd>
            <Time at={run.interval[0]} /> to <Time at={run.interval[1]} />
          </dd>
          <dt>Queued</dt>
          <dd>
            <Time at={run.queued} precise />
          </dd>
          <dt>Started</dt>
          <dd>
            <Time at={run.start} precise />
          </dd>
          <dt>Ended</dt>
          <dd>
            <Time at={run.end} precise />
          </dd>
        </dl>
      </section>
      <section class="card">
        <h2>Origin</h2>
        <dl class="facts">
          <dt>Triggered by</dt>
          <dd>
            {run.by}
            {run.user && ` (${run.user})`}
          </dd>
          <dt>DAG version</dt>
          <dd>{run.version}</dd>
          <dt>Backfill</dt>
          <dd>{run.backfill ?? "–"}</dd>
          <dt>Times cleared</dt>
          <dd>{run.clears}</dd>
        </dl>
      </section>
      <section class="card span">
        <h2>Configuration</h2>
        <Json value={run.conf} />
      </section>
    </div>
  );
}
