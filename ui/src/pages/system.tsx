// What runs Tradewind: workers and other parts, audit log, files that do not import, settings.
import { useState } from "preact/hooks";
import { url } from "../core/api";
import { useQuery } from "../core/query";
import { query, setQuery } from "../core/router";
import { Icon } from "../parts/icon";
import { dagLink, Empty, Loaded, PageHead, runLink, useTitle } from "../parts/page";
import { StateTag } from "../parts/state";
import { Ago, Time } from "../parts/time";

interface Parts {
  now: number;
  parts: {
    kind: string;
    host: string;
    pid: number;
    started: number;
    beat: number;
    stopped: number | null;
  }[];
  busy: { worker: string | null; executor: string; state: string; tasks: number }[];
}

const SILENT_S = 30;

export function WorkersPage() {
  useTitle("Workers");
  const parts = useQuery<Parts>("/ui/parts", { every: 5000 });
  return (
    <>
      <PageHead title="Workers and other parts" lead="Every process of the last day." />
      <Loaded query={parts}>
        {(data) => (
          <div class="stack">
            <section class="card">
              <h2>Tasks in their hands</h2>
              {data.busy.length === 0 && <p class="muted">Nothing is queued or running.</p>}
              <ul class="rows">
                {data.busy.map((b) => (
                  <li key={`${b.worker} ${b.executor} ${b.state}`}>
                    <span>{b.worker ?? "not taken yet"}</span>
                    <span class="muted">{b.executor}</span>
                    <span class="spring" />
                    <StateTag state={b.state} text={`${b.tasks} ${b.state}`} />
                  </li>
                ))}
              </ul>
            </section>
            <div class="scroll-x">
              <table class="list">
                <caption class="sr">Processes</caption>
                <thead>
                  <tr>
                    {["Part", "State", "Host", "Process", "Started", "Last sign of life"].map((h) => (
                      <th scope="col" key={h}>
                        {h}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {data.parts.map((p) => {
                    const silent = data.now - p.beat > SILENT_S;
                    return (
                      <tr key={`${p.kind} ${p.host} ${p.pid} ${p.started}`}>
                        <td class="strong">{p.kind.replace("_", " ")}</td>
                        <td>
                          {p.stopped ? (
                            <StateTag state="removed" text="stopped" />
                          ) : silent ? (
                            <StateTag state="failed" text="silent" />
                          ) : (
                            <StateTag state="success" text="healthy" />
                          )}
                        </td>
                        <td>{p.host}</td>
                        <td class="num">{p.pid}</td>
                        <td>
                          <Time at={p.started} />
                        </td>
                        <td>
                          <Ago at={p.stopped ?? p.beat} />
                        </td>
                      </tr>
                    );
                  })}
                </tbody>
              </table>
            </div>
          </div>
        )}
      </Loaded>
    </>
  );
}

interface Entry {
  at: number;
  actor: string;
  action: string;
  dag: string | null;
  run: string | null;
  task: string | null;
  map: number | null;
  details: Record<string, unknown>;
}

export function AuditPage() {
  useTitle("Audit log");
  const q = query.value;
  const offset = Number(q.get("offset") ?? 0);
  const log = useQuery<{ total: number; entries: Entry[] }>(
    url("/ui/audit", { dag: q.get("dag"), actor: q.get("actor"), action: q.get("action"), offset: offset || null }),
  );
  return (
    <>
      <PageHead title="Audit log" lead="Every change that somebody made: who, what, when." />
      <form
        class="toolbar"
        onSubmit={(e) => {
          e.preventDefault();
          const form = new FormData(e.currentTarget);
          setQuery({
            dag: form.get("dag") as string,
            actor: form.get("actor") as string,
            action: form.get("action") as string,
            offset: null,
          });
        }}
      >
        {(["actor", "action", "dag"] as const).map((name) => (
          <label class="inline" key={name}>
            <span class="muted">{{ actor: "Who", action: "Action", dag: "DAG" }[name]}</span>
            <input name={name} defaultValue={q.get(name) ?? ""} size={16} />
          </label>
        ))}
        <button>Filter</button>
      </form>
      <Loaded query={log}>
        {(data) =>
          data.entries.length === 0 ? (
            <Empty title="Nothing is recorded" />
          ) : (
            <>
              <div class="scroll-x">
                <table class="list wide-list">
                  <caption class="sr">Changes, the latest first</caption>
                  <thead>
                    <tr>
                      {["When", "Who", "Action", "On", "Details"].map((h) => (
                        <th scope="col" key={h}>
                          {h}
                        </th>
                      ))}
                    </tr>
                  </thead>
                  <tbody>
                    {data.entries.map((e, n) => (
                      <tr key={n}>
                        <td>
                          <Time at={e.at} precise />
                        </td>
                        <td>{e.actor || <span class="faint">–</span>}</td>
                        <td class="mono small">{e.action}</td>
                        <td>
                          {e.dag && <a href={dagLink(e.dag)}>{e.dag}</a>}
                          {e.dag && e.run && (
                            <div class="small">
                              <a href={runLink(e.dag, e.run)}>{e.run}</a>
                            </div>
                          )}
                          {e.task && <div class="small mono">{e.task}</div>}
                        </td>
                        <td class="small wrap">
                          <Details of={e.details} />
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
              <nav class="pager" aria-label="Pages">
                <button disabled={offset === 0} onClick={() => setQuery({ offset: offset > 100 ? String(offset - 100) : null }, false)}>
                  <Icon name="left" size={14} /> Later
                </button>
                <span class="muted num">
                  {offset + 1}–{offset + data.entries.length} of {data.total}
                </span>
                <button disabled={offset + 100 >= data.total} onClick={() => setQuery({ offset: String(offset + 100) }, false)}>
                  Earlier <Icon name="right" size={14} />
                </button>
              </nav>
            </>
          )
        }
      </Loaded>
    </>
  );
}

/** What was changed from what to what; whatever else is told beside it. */
function Details({ of }: { of: Record<string, unknown> }) {
  const { before, after, ...rest } = of ?? {};
  const was = isObject(before) ? before : {};
  const is = isObject(after) ? after : {};
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])].filter(
    (name) => text(was[name]) !== text(is[name]),
  );
  const plain = [before, after].filter((value) => value !== undefined && !isObject(value));
  return (
    <ul class="changes">
      {Object.entries(rest).map(([name, value]) => (
        <li key={name}>
          <span class="muted">{name}</span> {text(value)}
        </li>
      ))}
      {names.map((name) => (
        <li key={`change ${name}`}>
          <span class="muted">{name}</span>{" "}
          {name in was && (
            <>
              <del>{text(was[name])}</del> →{" "}
            </>
          )}
          <ins>{name in is ? text(is[name]) : "removed"}</ins>
        </li>
      ))}
      {plain.length > 0 && <li>{plain.map(text).join(" → ")}</li>}
    </ul>
  );
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function text(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  return typeof value === "string" ? value || "empty" : JSON.stringify(value);
}

export function ErrorsPage() {
  useTitle("Import errors");
  const errors = useQuery<{ file: string; at: number; error: string; dags: string[] }[]>("/ui/import-errors", {
    every: 10_000,
  });
  return (
    <>
      <PageHead title="Import errors" lead="Files of the DAG folder that do not import." />
      <Loaded query={errors}>
        {(files) =>
          files.length === 0 ? (
            <Empty title="Every file imports" />
          ) : (
            <div class="stack">
              {files.map((f) => (
                <section class="card" key={f.file}>
                  <h2 class="mono wrap">{f.file}</h2>
                  <p class="muted small">
                    since <Time at={f.at} />
                    {f.dags.length > 0 && ` · ${f.dags.join(", ")} run on as they were`}
                  </p>
                  <pre class="json" tabIndex={0} aria-label={`Error of ${f.file}`}>
                    {f.error}
                  </pre>
                </section>
              ))}
            </div>
          )
        }
      </Loaded>
    </>
  );
}

interface Setting {
  name: string;
  variable: string;
  value: string;
  origin: string;
  description: string;
  unit: string | null;
}

export function ConfigPage() {
  useTitle("Configuration");
  const [find, setFind] = useState("");
  const [own, setOwn] = useState(false);
  const config = useQuery<Setting[]>("/ui/config");
  return (
    <>
      <PageHead title="Configuration" lead="What is in force, and where each value comes from." />
      <div class="toolbar">
        <label class="search">
          <Icon name="search" size={15} />
          <span class="sr">Find settings</span>
          <input type="search" placeholder="Find settings" value={find} onInput={(e) => setFind(e.currentTarget.value)} />
        </label>
        <label class="inline check">
          <input type="checkbox" checked={own} onChange={(e) => setOwn(e.currentTarget.checked)} />
          Only what is not a default
        </label>
      </div>
      <Loaded query={config}>
        {(all) => (
          <div class="scroll-x">
            <table class="list">
              <caption class="sr">Settings</caption>
              <thead>
                <tr>
                  {["Setting", "Value", "Origin"].map((h) => (
                    <th scope="col" key={h}>
                      {h}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {all
                  .filter((s) => (!own || s.origin !== "default") && `${s.name} ${s.description}`.toLowerCase().includes(find.toLowerCase()))
                  .map((s) => (
                    <tr key={s.name}>
                      <td>
                        <span class="mono strong" title={s.variable}>
                          {s.name}
                        </span>
                        <div class="muted small">{s.description}</div>
                      </td>
                      <td class="mono wrap">
                        {s.value || <span class="faint">empty</span>}
                        {s.unit && s.value && <span class="muted"> {s.unit}</span>}
                      </td>
                      <td class={s.origin === "default" ? "muted small" : "small wrap"}>{s.origin}</td>
                    </tr>
                  ))}
              </tbody>
            </table>
          </div>
        )}
      </Loaded>
    </>
  );
}
