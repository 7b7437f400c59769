// A task instance's page: its log first, and whatever explains it.
import { useState } from "preact/hooks";
import { may, url } from "../core/api";
import { useReloadOn } from "../core/live";
import { useQuery } from "../core/query";
import { query, setQuery } from "../core/router";
import { label, LIVE } from "../core/states";
import { span, stamp, zone } from "../core/time";
import type { Instance, TaskPage as Data } from "../core/types";
import { Actions } from "../parts/act";
import { Json } from "../parts/json";
import { LogView, size } from "../parts/log";
import { dagLink, Empty, Loaded, PageHead, runLink, taskLink, useTitle } from "../parts/page";
import { EditNote, Note } from "../parts/note";
import { Prose } from "../parts/prose";
import { QuestionView } from "../parts/question";
import { StateIcon, StateTag } from "../parts/state";
import { Ago, Time, Took } from "../parts/time";

const TABS = [
  ["log", "Log"],
  ["xcom", "XCom"],
  ["rendered", "Rendered"],
  ["attempts", "Attempts"],
  ["details", "Details"],
] as const;

export function TaskPage({ dag, run, task, map }: { dag: string; run: string; task: string; map?: string }) {
  const index = map === undefined ? -1 : Number(map);
  const title = index < 0 ? task : `${task}[${index}]`;
  useTitle(`${title} · ${dag}`);
  const page = useQuery<Data>(url("/ui/task", { dag, run, task, map: index }));
  useReloadOn((c) => c[0] === dag && c[1] === run && (c[2] === task || c[2] === null), page.reload, 400);
  const tab = query.value.get("tab") ?? "log";
  const [d, r, t] = [dag, run, task].map(encodeURIComponent);
  const notePath = `/api/v2/dags/${d}/dagRuns/${r}/taskInstances/${t}${index < 0 ? "" : `/${index}`}`;
  return (
    <Loaded query={page}>
      {(data) => (
        <>
          <PageHead
            title={<span class="wrap">{title}</span>}
            crumbs={[
              ["DAGs", "/dags"],
              [dag, dagLink(dag)],
              [`run of ${stamp(data.run.after, false, zone.value)}`, runLink(dag, run)],
              ...(index >= 0 ? ([[task, taskLink(dag, run, task)]] as [string, string][]) : []),
            ]}
            lead={data.ti && <Lead ti={data.ti} operator={data.task?.operator ?? ""} />}
            actions={
              may("user") && (
                <>
                  {data.ti && !data.note && <EditNote note={null} path={notePath} onDone={page.reload} />}
                  <Actions dag={dag} run={run} tasks={[task]} map={index} what={title} onDone={page.reload} />
                </>
              )
            }
          />
          <Note note={data.note} path={notePath} onDone={page.reload} />
          {data.question && (
            <section class="card question" aria-label="What it asks" key={`${data.question.at} ${data.question.waits}`}>
              <h2 class="wrap">{data.question.subject}</h2>
              <QuestionView question={data.question} onDone={page.reload} />
            </section>
          )}
          {data.why.filter((w) => !(data.question?.waits && w.code === "awaiting_input")).map((w) => (
            <p class="banner" key={w.code}>
              <strong>Why it is not running: </strong>
              {w.text}
              {w.until && (
                <>
                  {" "}
                  (<Ago at={w.until} />)
                </>
              )}
            </p>
          ))}
          {!data.ti && data.mapped.length > 0 ? (
            <Mapped dag={dag} run={run} task={task} mapped={data.mapped} />
          ) : !data.ti ? (
            <Empty title="Not in this run yet">
              <p>A task instance is made when the run gets to it.</p>
            </Empty>
          ) : (
            <>
              <nav class="tabs" aria-label="Views">
                {TABS.map(([slug, text]) => (
                  <a
                    key={slug}
                    href={`${taskLink(dag, run, task, index)}${slug === "log" ? "" : `?tab=${slug}`}`}
                    aria-current={tab === slug ? "page" : undefined}
                  >
                    {text}
                  </a>
                ))}
              </nav>
              {tab === "log" && <Log dag={dag} run={run} task={task} map={index} data={data} />}
              {tab === "xcom" && <XComs to={url("/ui/xcom", { dag, run, task, map: index })} />}
              {tab === "rendered" && <Rendered to={url("/ui/rendered", { dag, run, task, map: index })} />}
              {tab === "attempts" && <Attempts data={data} />}
              {tab === "details" && <Details dag={dag} run={run} data={data} />}
            </>
          )}
        </>
      )}
    </Loaded>
  );
}

function Lead({ ti, operator }: { ti: Instance; operator: string }) {
  return (
    <>
      <StateTag state={ti.state} />
      {ti.try > 0 && (
        <span class="num">
          try {ti.try} of {Math.max(ti.tries, ti.try)}
        </span>
      )}
      <span>
        started <Time at={ti.start} precise />
      </span>
      <span>
        took <Took start={ti.start} end={ti.end} live={LIVE.has(ti.state)} />
      </span>
      <span class="mono small">{operator}</span>
      {ti.reason && <span class="wrap lead-reason">{ti.reason}</span>}
    </>
  );
}

function Log({ dag, run, task, map, data }: { dag: string; run: string; task: string; map: number; data: Data }) {
  const ti = data.ti!;
  const chosen = Number(query.value.get("try")) || 0;
  return (
    <>
      {data.tries.length > 1 && (
        <div class="toolbar tries" role="group" aria-label="Tries">
          {data.tries.map((t) => {
            const on = chosen ? chosen === t.try : t.try === ti.try;
            return (
              <button
                key={t.try}
                aria-pressed={on}
                class={on ? "on" : ""}
                onClick={() => setQuery({ try: t.try === ti.try ? null : String(t.try), at: null })}
              >
                <StateIcon state={t.try === ti.try ? ti.state : shown(t.state)} size={14} /> Try {t.try}
                {t.start && t.end && <span class="count">{span(t.end - t.start)}</span>}
              </button>
            );
          })}
        </div>
      )}
      <LogView
        place={{ dag, run, task, map }}
        attempt={chosen}
        live={ti.state === "running" && (!chosen || chosen === ti.try)}
      />
    </>
  );
}

const shown = (state: string): string =>
  ({ done: "success", lost: "failed", superseded: "removed" })[state] ?? state;

function Mapped({ dag, run, task, mapped }: { dag: string; run: string; task: string; mapped: Instance[] }) {
  const [state, setState] = useState("");
  const states = [...new Set(mapped.map((m) => m.state))];
  const wanted = mapped.filter((m) => !state || m.state === state);
  return (
    <>
      <div class="toolbar">
        <div class="segments" role="group" aria-label="Filter by state">
          <button aria-pressed={!state} onClick={() => setState("")}>
            All <span class="count">{mapped.length}</span>
          </button>
          {states.map((s) => (
            <button key={s} aria-pressed={state === s} onClick={() => setState(s)}>
              <StateTag state={s} />
              <span class="count">{mapped.filter((m) => m.state === s).length}</span>
            </button>
          ))}
        </div>
      </div>
      <ul class="mapped">
        {wanted.slice(0, 1000).map((m) => (
          <li key={m.map}>
            <a href={taskLink(dag, run, task, m.map)}>
              <StateIcon state={m.state} />
              <span class="sr">{label(m.state)}</span>
              <span class="num">[{m.map}]</span>
              <span class="muted small">
                <Took start={m.start} end={m.end} live={m.state === "running"} />
              </span>
            </a>
          </li>
        ))}
      </ul>
    </>
  );
}

function XComs({ to }: { to: string }) {
  const found = useQuery<{ key: string; size: number; at: number; value: unknown }[]>(to);
  return (
    <Loaded query={found}>
      {(entries) =>
        entries.length === 0 ? (
          <Empty title="No XCom">
            <p>It has returned nothing, or not yet.</p>
          </Empty>
        ) : (
          <div class="stack">
            {entries.map((x) => (
              <section class="card" key={x.key}>
                <h2>
                  <span class="mono">{x.key}</span>{" "}
                  <span class="muted small">
                    {size(x.size)} · <Time at={x.at} precise />
                  </span>
                </h2>
                {x.size > 256 * 1024 ? (
                  <p class="muted">Too large to show here: {size(x.size)}.</p>
                ) : (
                  <Json value={x.value} />
                )}
              </section>
            ))}
          </div>
        )
      }
    </Loaded>
  );
}

function Rendered({ to }: { to: string }) {
  const found = useQuery<{ fields: Record<string, unknown> | null }>(to);
  return (
    <Loaded query={found}>
      {({ fields }) =>
        !fields || Object.keys(fields).length === 0 ? (
          <Empty title="Nothing rendered">
            <p>Template fields show here once the task has started.</p>
          </Empty>
        ) : (
          <div class="stack">
            {Object.entries(fields).map(([name, value]) => (
              <section class="card" key={name}>
                <h2 class="mono">{name}</h2>
                <Json value={value} />
              </section>
            ))}
          </div>
        )
      }
    </Loaded>
  );
}

function Attempts({ data }: { data: Data }) {
  return (
    <div class="stack">
      <div class="scroll-x">
        <table class="list">
          <caption class="sr">Attempts</caption>
          <thead>
            <tr>
              {["Try", "State", "Executor", "Worker", "Queued", "Started", "Took", "Exit", "Reason"].map((h) => (
                <th scope="col" key={h}>
                  {h}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {data.tries.flatMap((t) =>
              t.attempts.map((a) => (
                <tr key={a.fence}>
                  <td class="num">{t.try}</td>
                  <td>
                    <StateTag state={shown(a.state)} text={a.state} />
                  </td>
                  <td>{a.executor}</td>
                  <td>{a.worker ?? "–"}</td>
                  <td>
                    <Time at={a.queued} precise />
                  </td>
                  <td>
                    <Time at={a.start} precise />
                  </td>
                  <td>
                    <Took start={a.start} end={a.end} live={a.state === "running"} />
                  </td>
                  <td>{a.exit_signal ? `signal ${a.exit_signal}` : (a.exit_code ?? "–")}</td>
                  <td class="wrap">{a.reason}</td>
                </tr>
              )),
            )}
          </tbody>
        </table>
      </div>
      <section class="card">
        <h2>What happened</h2>
        {data.events.length === 0 && <p class="muted">Nothing is recorded.</p>}
        <ol class="events">
          {data.events.map((e, n) => (
            <li key={n}>
              <Time at={e.at} precise />
              <StateTag state={e.subject === "attempt" ? shown(e.to) : e.to} text={`${e.subject} ${e.to}`} />
              <span class="muted wrap">
                {e.actor}
                {e.reason && ` – ${e.reason}`}
              </span>
            </li>
          ))}
        </ol>
      </section>
    </div>
  );
}

function Details({ dag, run, data }: { dag: string; run: string; data: Data }) {
  const { task, ti } = data;
  if (!task) return <Empty title="The DAG no longer has this task" />;
  return (
    <div class="columns">
      <section class="card">
        <h2>The task</h2>
        <dl class="facts">
          <dt>Operator</dt>
          <dd class="mono">{task.operator}</dd>
          <dt>Trigger rule</dt>
          <dd class="mono">{task.rule}</dd>
          <dt>Upstream</dt>
          <dd>
            {task.upstream.length === 0
              ? "–"
              : task.upstream.map((u) => (
                  <div key={u}>
                    <a href={taskLink(dag, run, u)}>{u}</a>
                  </div>
                ))}
          </dd>
          <dt>Owner</dt>
          <dd>{task.owner}</dd>
        </dl>
      </section>
      <section class="card">
        <h2>How it runs</h2>
        <dl class="facts">
          <dt>Pool</dt>
          <dd>
            <a href="/pools">{task.pool}</a>
            {task.slots > 1 && `, ${task.slots} slots`}
          </dd>
          <dt>Queue</dt>
          <dd>{task.queue ?? "–"}</dd>
          <dt>Priority</dt>
          <dd>{task.priority}</dd>
          <dt>Retries</dt>
          <dd>
            {task.retries}
            {task.retries > 0 && `, after ${span(task.retry_delay_s)}`}
          </dd>
          <dt>Time limit</dt>
          <dd>{task.timeout_s ? span(task.timeout_s) : "–"}</dd>
          <dt>Queued</dt>
          <dd>
            <Time at={ti?.queued} precise />
          </dd>
        </dl>
      </section>
      {task.doc && (
        <section class="card span">
          <h2>About</h2>
          <Prose text={task.doc} />
        </section>
      )}
    </div>
  );
}
