// Runs, of one DAG or of all.
import { url } from "../core/api";
import { useReloadOn } from "../core/live";
import { useQuery } from "../core/query";
import { query, setQuery } from "../core/router";
import { label } from "../core/states";
import type { ListedRun } from "../core/types";
import { Icon } from "../parts/icon";
import { dagLink, Empty, Loaded, PageHead, runLink, useTitle } from "../parts/page";
import { StateIcon, StateTag } from "../parts/state";
import { Time, Took } from "../parts/time";

const PAGE = 100;
const STATES = ["failed", "running", "queued", "success"];
const TYPES = ["scheduled", "manual", "backfill", "asset_triggered", "operator_triggered"];

export function RunsPage() {
  useTitle("Runs");
  return (
    <>
      <PageHead title="Runs" />
      <Runs dag={null} />
    </>
  );
}

export function DagRuns({ dag }: { dag: string }) {
  return <Runs dag={dag} />;
}

function Runs({ dag }: { dag: string | null }) {
  const q = query.value;
  const offset = Number(q.get("offset") ?? 0);
  const state = q.get("state");
  const found = useQuery<{ runs: ListedRun[]; more: boolean }>(
    url("/ui/runs", { dag, state, type: q.get("type"), limit: PAGE, offset: offset || null }),
    { every: 30_000 },
  );
  useReloadOn((c) => c[2] === null && (dag === null || c[0] === dag), found.reload, 800);
  return (
    <>
      <div class="toolbar">
        <div class="segments" role="group" aria-label="Filter by state">
          <button aria-pressed={!state} onClick={() => setQuery({ state: null, offset: null })}>
            All
          </button>
          {STATES.map((s) => (
            <button key={s} aria-pressed={state === s} onClick={() => setQuery({ state: s, offset: null })}>
              <StateIcon state={s} size={13} /> {label(s)}
            </button>
          ))}
        </div>
        <label class="inline">
          <span class="muted">Type</span>
          <select value={q.get("type") ?? ""} onChange={(e) => setQuery({ type: e.currentTarget.value, offset: null })}>
            <option value="">Any</option>
            {TYPES.map((t) => (
              <option key={t} value={t}>
                {t.replace("_", " ")}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Loaded query={found}>
        {(data) =>
          data.runs.length === 0 ? (
            <Empty title={state || q.get("type") ? "No run fits these filters" : "No run yet"} />
          ) : (
            <>
              <div class="scroll-x">
                <table class="list">
                  <caption class="sr">Runs, the latest first</caption>
                  <thead>
                    <tr>
                      {!dag && <th scope="col">DAG</th>}
                      <th scope="col">Run</th>
                      <th scope="col">State</th>
                      <th scope="col" class="narrow-hide">
                        Type
                      </th>
                      <th scope="col" class="narrow-hide">
                        Started
                      </th>
                      <th scope="col" class="num">
                        Took
                      </th>
                      <th scope="col" class="narrow-hide">
                        Note
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {data.runs.map((r) => (
                      <tr key={`${r.dag} ${r.id}`}>
                        {!dag && (
                          <td>
                            <a class="strong" href={dagLink(r.dag)}>
                              {r.dag}
                            </a>
                          </td>
                        )}
                        <td>
                          <a class={dag ? "strong" : ""} href={runLink(r.dag, r.id)} title={r.id}>
                            <Time at={r.after} />
                          </a>
                        </td>
                        <td>
                          <StateTag state={r.state} />
                        </td>
                        <td class="narrow-hide">
                          {r.type.replace("_", " ")}
                          {r.user && <span class="muted"> by {r.user}</span>}
                        </td>
                        <td class="narrow-hide">
                          <Time at={r.start} precise />
                        </td>
                        <td class="num">
                          <Took start={r.start} end={r.end} live={r.state === "running"} />
                        </td>
                        <td class="narrow-hide muted small wrap">{r.note}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
              {(data.more || offset > 0) && (
                <nav class="pager" aria-label="Pages">
                  <button disabled={offset === 0} onClick={() => setQuery({ offset: offset > PAGE ? String(offset - PAGE) : null }, false)}>
                    <Icon name="left" size={14} /> Later
                  </button>
                  <button disabled={!data.more} onClick={() => setQuery({ offset: String(offset + PAGE) }, false)}>
                    Earlier <Icon name="right" size={14} />
                  </button>
                </nav>
              )}
            </>
          )
        }
      </Loaded>
    </>
  );
}
