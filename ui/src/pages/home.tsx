// Home: the triage inbox. What failed, what is stuck and why, what is late; then how things are.
import { useState } from "preact/hooks";
import { may, post, url } from "../core/api";
import { useReloadOn } from "../core/live";
import { useQuery } from "../core/query";
import { query, setQuery } from "../core/router";
import { label } from "../core/states";
import type { Home, Question } from "../core/types";
import { Dialog } from "../parts/dialog";
import { Icon } from "../parts/icon";
import { dagLink, Loaded, PageHead, runLink, taskLink, useTitle } from "../parts/page";
import { lazily } from "../parts/lazy";
import { StateIcon, StateTag } from "../parts/state";
import { Ago } from "../parts/time";
import { failed, toast } from "../parts/toast";

const QuestionView = lazily(() => import("../parts/question").then((m) => m.QuestionView));

const RANGES: [string, string][] = [
  ["1", "1 h"],
  ["6", "6 h"],
  ["24", "24 h"],
  ["168", "7 d"],
  ["720", "30 d"],
];

export function HomePage() {
  useTitle("Home");
  const hours = query.value.get("hours") ?? "24";
  const home = useQuery<Home>(url("/ui/home", { hours }), { every: 30_000 });
  useReloadOn((c) => c[2] === null || c[4] === "awaiting_input", home.reload, 1500);
  return (
    <>
      <PageHead
        title="Home"
        actions={
          <div class="segments" role="group" aria-label="How far back">
            {RANGES.map(([value, text]) => (
              <button key={value} aria-pressed={hours === value} onClick={() => setQuery({ hours: value === "24" ? null : value })}>
                {text}
              </button>
            ))}
          </div>
        }
      />
      <Loaded query={home}>
        {(data) => (
          <>
            <Numbers data={data} />
            <div class="home">
              <div class="stack">
                <Asks data={data} reload={home.reload} />
                <Failures data={data} reload={home.reload} />
                <Stuck data={data} />
                <Late data={data} />
                <Broken data={data} />
              </div>
              <div class="stack">
                <Parts data={data} />
                <Next data={data} />
                <Pools data={data} />
              </div>
            </div>
          </>
        )}
      </Loaded>
    </>
  );
}

function Numbers({ data }: { data: Home }) {
  const states = ["failed", "running", "queued", "success"] as const;
  return (
    <ul class="numbers" aria-label="Runs by state">
      {states.map((state) => (
        <li key={state}>
          <a href={`/runs?state=${state}`}>
            <StateIcon state={state} size={18} />
            <strong class="num">{data.counts[state] ?? 0}</strong>
            <span class="muted">{label(state).toLowerCase()}</span>
          </a>
        </li>
      ))}
    </ul>
  );
}

interface Group {
  dag: string;
  why: string;
  runs: Home["failed"];
}

/** Failed runs of one DAG for one reason are one thing to look at. */
function grouped(all: Home["failed"]): Group[] {
  const groups = new Map<string, Group>();
  for (const run of all) {
    const first = run.tasks[0];
    const why = first ? (first.reason ?? `${first.task} failed`) : "the run failed";
    const key = `${run.dag}\n${first?.task ?? ""}\n${why.replace(/\d+/g, "0")}`;
    const group = groups.get(key);
    if (group) group.runs.push(run);
    else groups.set(key, { dag: run.dag, why, runs: [run] });
  }
  return [...groups.values()].sort(
    (a, b) => Number(a.runs[0]!.recovered) - Number(b.runs[0]!.recovered),
  );
}

function Failures({ data, reload }: { data: Home; reload: () => void }) {
  const [all, setAll] = useState(false);
  const groups = grouped(data.failed);
  const open = groups.filter((g) => !g.runs[0]!.recovered);
  const shown = all ? groups : open;
  return (
    <section class="card inbox" aria-labelledby="failed-title">
      <h2 id="failed-title">
        <StateIcon state="failed" /> Failed <span class="count">{open.length}</span>
      </h2>
      {open.length === 0 && (
        <p class="calm">
          <StateIcon state="success" /> Nothing is failing.
        </p>
      )}
      <ul>
        {shown.slice(0, 40).map((g) => (
          <Failure key={`${g.dag} ${g.runs[0]!.id}`} group={g} reload={reload} />
        ))}
      </ul>
      {groups.length > open.length && (
        <button class="quiet" onClick={() => setAll(!all)}>
          {all ? "Hide" : "Show"} {groups.length - open.length} that recovered by themselves
        </button>
      )}
    </section>
  );
}

function Failure({ group, reload }: { group: Group; reload: () => void }) {
  const run = group.runs[0]!;
  const task = run.tasks[0];
  const [busy, setBusy] = useState(false);
  const retry = async (): Promise<void> => {
    setBusy(true);
    try {
      await post(
        `/api/v2/dags/${encodeURIComponent(run.dag)}/dagRuns/${encodeURIComponent(run.id)}/clear`,
        { dry_run: false, only_failed: true },
      );
      toast(`The failed tasks of ${run.dag} run again`);
      reload();
    } catch (problem) {
      failed(problem);
    }
    setBusy(false);
  };
  return (
    <li>
      <div class="grow">
        <div class="line-1">
          <a class="strong" href={dagLink(run.dag)}>
            {run.dag}
          </a>
          <a class="muted small" href={runLink(run.dag, run.id)}>
            <Ago at={run.end ?? run.after} />
          </a>
          {group.runs.length > 1 && <span class="tag">{group.runs.length} runs</span>}
          {run.recovered && <StateTag state="success" text="recovered" />}
        </div>
        {task && (
          <a class="mono small wrap" href={taskLink(run.dag, run.id, task.task, task.map)}>
            {task.task}
            {task.map >= 0 && `[${task.map}]`}
          </a>
        )}
        {run.tasks.length > 1 && (
          <span class="muted small"> and {run.tasks.length - 1 + run.more} more</span>
        )}
        <p class="why wrap">{group.why}</p>
      </div>
      <div class="buttons">
        {task && (
          <a class="button" href={taskLink(run.dag, run.id, task.task, task.map)}>
            Log
          </a>
        )}
        {may("user") && (
          <button disabled={busy} onClick={retry} title="Clear the failed tasks of this run">
            <Icon name="clear" size={14} /> Retry
          </button>
        )}
      </div>
    </li>
  );
}

function Asks({ data, reload }: { data: Home; reload: () => void }) {
  const [open, setOpen] = useState<Question | null>(null);
  if (data.asks.length === 0) return null;
  return (
    <>
    <section class="card inbox" aria-labelledby="asks-title">
      <h2 id="asks-title">
        <StateIcon state="awaiting_input" /> <a href="/questions">Waiting for an answer</a>{" "}
        <span class="count">{data.asks.length}</span>
      </h2>
      <ul>
        {data.asks.map((q) => (
          <li key={`${q.dag} ${q.run} ${q.task} ${q.map}`}>
            <div class="grow">
              <div class="line-1">
                <a class="strong wrap" href={taskLink(q.dag, q.run, q.task, q.map)}>
                  {q.subject}
                </a>
              </div>
              <p class="small muted wrap">
                {q.task}
                {q.map >= 0 && `[${q.map}]`} of <a href={dagLink(q.dag)}>{q.dag}</a>, <Ago at={q.at} />
              </p>
            </div>
            <div class="buttons">
              <button aria-haspopup="dialog" onClick={() => setOpen(q)}>
                {may("user") ? "Answer" : "Read"}
              </button>
            </div>
          </li>
        ))}
      </ul>
    </section>
      {open && (
        <Dialog title={open.subject} onClose={() => setOpen(null)}>
          <QuestionView
            question={open}
            onDone={() => {
              setOpen(null);
              reload();
            }}
          />
        </Dialog>
      )}
    </>
  );
}

function Stuck({ data }: { data: Home }) {
  if (data.stuck.length === 0) return null;
  return (
    <section class="card inbox" aria-labelledby="stuck-title">
      <h2 id="stuck-title">
        <StateIcon state="scheduled" /> Waiting for long <span class="count">{data.stuck.length}</span>
      </h2>
      <ul>
        {data.stuck.slice(0, 12).map((s) => (
          <li key={`${s.dag} ${s.run} ${s.task} ${s.map}`}>
            <div class="grow">
              <div class="line-1">
                <a class="strong wrap" href={s.task ? taskLink(s.dag, s.run, s.task, s.map) : runLink(s.dag, s.run)}>
                  {s.task ? `${s.task}${s.map >= 0 ? `[${s.map}]` : ""}` : "the run"}
                </a>
                <a class="muted small" href={dagLink(s.dag)}>
                  {s.dag}
                </a>
              </div>
              <p class="why wrap">{s.why ?? "Its page says why."}</p>
            </div>
            <div class="aside">
              <StateTag state={s.state} />
              <span class="muted small">
                <Ago at={s.since} />
              </span>
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Late({ data }: { data: Home }) {
  if (data.late.length === 0) return null;
  return (
    <section class="card inbox" aria-labelledby="late-title">
      <h2 id="late-title">
        <Icon name="clock" /> Late <span class="count">{data.late.length}</span>
      </h2>
      <ul>
        {data.late.slice(0, 10).map((l) => (
          <li key={l.dag}>
            <a class="grow strong" href={dagLink(l.dag)}>
              {l.dag}
            </a>
            <span class="muted small">
              was due <Ago at={l.due} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Broken({ data }: { data: Home }) {
  if (data.broken.length === 0) return null;
  return (
    <section class="card inbox" aria-labelledby="broken-title">
      <h2 id="broken-title">
        <Icon name="errors" /> Files that do not import <span class="count">{data.broken.length}</span>
      </h2>
      <ul>
        {data.broken.slice(0, 6).map((b) => (
          <li key={b.file}>
            <div class="grow">
              <a class="strong mono wrap" href="/errors">
                {b.file}
              </a>
              <p class="why wrap">{b.error}</p>
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

const PART_NAMES: Record<string, string> = {
  scheduler: "Scheduler",
  dag_processor: "DAG processor",
  worker: "Worker",
  triggerer: "Triggerer",
};
const PART_STATES: Record<string, [string, string]> = {
  healthy: ["success", "healthy"],
  silent: ["failed", "silent"],
  stopped: ["removed", "stopped"],
  absent: ["none", "not running"],
};

/** Workers and triggerers are parts of their own in some deployments only: one that was never seen is not missed. */
const isExpected = (p: Home["parts"][number]): boolean =>
  p.status !== "absent" || p.kind === "scheduler" || p.kind === "dag_processor";

function Parts({ data }: { data: Home }) {
  return (
    <section class="card" aria-labelledby="parts-title">
      <h2 id="parts-title">Health</h2>
      <ul class="rows">
        {data.parts.filter(isExpected).map((p) => {
          const [state, text] = PART_STATES[p.status] ?? ["none", p.status];
          return (
            <li key={p.kind}>
              <span>{PART_NAMES[p.kind] ?? p.kind}</span>
              <span class="spring" />
              {p.beat !== null && p.status !== "absent" && (
                <span class="muted small">
                  <Ago at={p.beat} />
                </span>
              )}
              <StateTag state={state} text={text} />
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function Next({ data }: { data: Home }) {
  if (data.next.length === 0) return null;
  return (
    <section class="card" aria-labelledby="next-title">
      <h2 id="next-title">Coming up</h2>
      <ul class="rows">
        {data.next.map((n) => (
          <li key={n.dag}>
            <a class="clip" href={dagLink(n.dag)}>
              {n.dag}
            </a>
            <span class="spring" />
            <span class="muted small">
              <Ago at={n.due} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Pools({ data }: { data: Home }) {
  return (
    <section class="card" aria-labelledby="pools-title">
      <h2 id="pools-title">Pools</h2>
      <ul class="rows pool-rows">
        {data.pools.slice(0, 8).map((p) => (
          <li key={p.name}>
            <a href="/pools">{p.name}</a>
            <span class="spring" />
            <span class="num small muted">
              {p.running + p.queued} of {p.slots < 0 ? "∞" : p.slots}
              {p.scheduled > 0 && `, ${p.scheduled} wait`}
            </span>
            <PoolBar pool={p} />
          </li>
        ))}
      </ul>
    </section>
  );
}

export function PoolBar({ pool: p }: { pool: Home["pools"][number] }) {
  const size = p.slots < 0 ? Math.max(1, p.running + p.queued) : Math.max(1, p.slots);
  const part = (n: number): string => `${Math.min(100, (100 * n) / size)}%`;
  return (
    <span class="pool-bar" aria-hidden="true">
      <span class="s-running" style={{ width: part(p.running) }} />
      <span class="s-queued" style={{ width: part(p.queued) }} />
      <span class="s-deferred" style={{ width: part(p.deferred) }} />
    </span>
  );
}
