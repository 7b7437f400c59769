// The DAG list: find, see the last runs, pause and trigger in place.
import { useEffect, useRef, useState } from "preact/hooks";
import { may, patch, url } from "../core/api";
import { useKeys } from "../core/keys";
import { useReloadOn } from "../core/live";
import { useQuery } from "../core/query";
import { go, query, setQuery } from "../core/router";
import { span } from "../core/time";
import type { DagList, ListedDag, Run } from "../core/types";
import { label } from "../core/states";
import { Favorite } from "../parts/favorite";
import { Icon } from "../parts/icon";
import { dagLink, Empty, Loaded, PageHead, runLink, useTitle } from "../parts/page";
import { StateIcon } from "../parts/state";
import { Ago } from "../parts/time";
import { failed, toast } from "../parts/toast";
import { TriggerButton } from "../parts/trigger";

const PAGE = 50;

const FILTERS: [string, string, Record<string, string | null>][] = [
  ["all", "All", { state: null, paused: null }],
  ["failed", "Failed", { state: "failed", paused: null }],
  ["running", "Running", { state: "running", paused: null }],
  ["active", "Active", { state: null, paused: "false" }],
  ["paused", "Paused", { state: null, paused: "true" }],
];

export function Dags() {
  useTitle("DAGs");
  const q = query.value;
  const offset = Number(q.get("offset") ?? 0);
  const to = url("/ui/dags", {
    search: q.get("search"),
    tag: q.getAll("tag"),
    paused: q.get("paused"),
    state: q.get("state"),
    sort: q.get("sort"),
    favorite: q.get("favorite"),
    offset: offset || null,
    limit: PAGE,
  });
  const list = useQuery<DagList>(to, { every: 30_000 });
  useReloadOn((c) => c[2] === null, list.reload, 700);
  const chosen = useRow(list.data?.dags ?? []);
  const pause = async (dag: ListedDag): Promise<void> => {
    const flip = (paused: boolean) =>
      list.mutate((all) => ({
        ...all,
        dags: all.dags.map((d) => (d.id === dag.id ? { ...d, paused } : d)),
      }));
    flip(!dag.paused);
    try {
      await patch(`/api/v2/dags/${encodeURIComponent(dag.id)}?update_mask=is_paused`, {
        is_paused: !dag.paused,
      });
      toast(`${dag.id} is ${dag.paused ? "active" : "paused"}`);
    } catch (error) {
      flip(dag.paused);
      failed(error);
    }
  };
  return (
    <>
      <PageHead title="DAGs" />
      <div class="toolbar">
        <Search />
        <div class="segments" role="group" aria-label="Filter by state">
          {FILTERS.map(([name, text, change]) => {
            const on =
              (q.get("state") ?? null) === change["state"] &&
              (q.get("paused") ?? null) === change["paused"];
            const count = list.data?.counts[name as keyof DagList["counts"]];
            return (
              <button
                key={name}
                aria-pressed={on}
                onClick={() => setQuery({ ...change, offset: null })}
              >
                {(name === "failed" || name === "running") && <StateIcon state={name} size={13} />}
                {text}
                {count !== undefined && <span class="count">{count}</span>}
              </button>
            );
          })}
        </div>
        <button
          class={`square favorite${q.get("favorite") ? " on" : ""}`}
          title="Favorites"
          aria-label="Favorites"
          aria-pressed={q.get("favorite") === "true"}
          onClick={() => setQuery({ favorite: q.get("favorite") ? null : "true", offset: null })}
        >
          <Icon name="star" size={15} />
        </button>
        <TagFilter tags={list.data?.tags ?? []} />
        <label class="inline">
          <span class="muted">Sort</span>
          <select
            value={q.get("sort") ?? "name"}
            onChange={(e) =>
              setQuery({
                sort: e.currentTarget.value === "name" ? null : e.currentTarget.value,
                offset: null,
              })
            }
          >
            <option value="name">Name</option>
            <option value="latest">Latest run</option>
            <option value="next">Next run</option>
            <option value="state">State</option>
          </select>
        </label>
      </div>
      <Loaded query={list}>
        {(data) =>
          data.dags.length === 0 ? (
            <Empty title={data.counts.all ? "No DAG fits these filters" : "There is no DAG yet"}>
              {data.counts.all ? (
                <button onClick={() => go("/dags")}>Show all {data.counts.all}</button>
              ) : (
                <p>
                  Put a file that defines one into the DAG folder; it shows here within seconds. If
                  it does not, look at the <a href="/errors">import errors</a>.
                </p>
              )}
            </Empty>
          ) : (
            <>
              <table class="list dag-list">
                <caption class="sr">DAGs with their latest runs</caption>
                <thead>
                  <tr>
                    <th scope="col" class="narrow-hide">
                      <span class="sr">Active</span>
                    </th>
                    <th scope="col">DAG</th>
                    <th scope="col">Latest runs</th>
                    <th scope="col" class="narrow-hide">
                      Schedule
                    </th>
                    <th scope="col" class="narrow-hide">
                      Next
                    </th>
                    <th scope="col">
                      <span class="sr">Actions</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {data.dags.map((dag, n) => (
                    <Line key={dag.id} dag={dag} chosen={n === chosen} onPause={() => pause(dag)} />
                  ))}
                </tbody>
              </table>
              <Pager total={data.total} offset={offset} />
            </>
          )
        }
      </Loaded>
    </>
  );
}

function Line({ dag, chosen, onPause }: { dag: ListedDag; chosen: boolean; onPause: () => void }) {
  const last = dag.runs[dag.runs.length - 1];
  return (
    <tr class={`${dag.paused ? "paused" : ""}${chosen ? " chosen" : ""}`}>
      <td class="narrow-hide">
        <button
          class="switch"
          role="switch"
          aria-checked={!dag.paused}
          aria-label={`${dag.id} is active`}
          title={dag.paused ? "Paused: no new scheduled runs" : "Active"}
          disabled={!may("user")}
          onClick={onPause}
        />
      </td>
      <td class="grow">
        <a class="strong" href={dagLink(dag.id)}>
          {dag.name ?? dag.id}
        </a>
        <Favorite dag={dag.id} on={dag.favorite} />
        <div class="tags">
          {dag.tags.map((tag) => (
            <button
              key={tag}
              class="tag"
              title={`Only DAGs with the tag ${tag}`}
              onClick={() => setQuery({ tag, offset: null })}
            >
              {tag}
            </button>
          ))}
          <span class="muted small narrow-hide">{dag.owners}</span>
        </div>
      </td>
      <td>
        <div class="last-runs">
          <RunBars dag={dag.id} runs={dag.runs} />
          {last && (
            <a class="small nowrap last" href={runLink(dag.id, last.id)}>
              <StateIcon state={last.state} size={14} />
              <span class="sr">{label(last.state)}</span>
              <Ago at={last.end ?? last.start ?? last.after} />
            </a>
          )}
        </div>
      </td>
      <td class="narrow-hide">
        <span class="mono small" title={dag.schedule_words}>
          {dag.schedule}
        </span>
        {dag.timezone !== "UTC" && <div class="muted small">{dag.timezone}</div>}
      </td>
      <td class="narrow-hide small">{dag.paused ? <span class="faint">paused</span> : <Ago at={dag.next} />}</td>
      <td class="end">
        {may("user") && <TriggerButton dag={dag.id} label={`Trigger ${dag.id}`} icon />}
      </td>
    </tr>
  );
}

/** The last runs as bars: how long and how each ended. */
export function RunBars({ dag, runs, height = 26 }: { dag: string; runs: Run[]; height?: number }) {
  const now = Date.now() / 1000;
  const took = (r: Run): number => (r.start ? Math.max(0, (r.end ?? now) - r.start) : 0);
  const longest = Math.max(1, ...runs.map(took));
  const bad = runs.filter((r) => r.state === "failed").length;
  return (
    <span
      class="bars"
      role="img"
      aria-label={`The last ${runs.length} runs, ${bad || "none"} of them failed`}
      style={{ height: `${height}px` }}
      onClick={(e) => {
        const id = (e.target as HTMLElement).dataset["run"];
        if (id) go(runLink(dag, id));
      }}
    >
      {runs.map((r) => (
        <span
          key={r.id}
          data-run={r.id}
          class={`bar s-${r.state}`}
          style={{ height: `${Math.round(22 + 78 * (took(r) / longest))}%` }}
          title={`${label(r.state)} · ${r.id} · ${span(took(r))}`}
        />
      ))}
    </span>
  );
}

function Search() {
  const [text, setText] = useState(query.peek().get("search") ?? "");
  const timer = useRef(0);
  const now = query.value.get("search") ?? "";
  useEffect(() => {
    if (document.activeElement?.tagName !== "INPUT") setText(now);
  }, [now]);
  return (
    <label class="search">
      <Icon name="search" size={15} />
      <span class="sr">Search DAGs</span>
      <input
        type="search"
        placeholder="Search by name"
        value={text}
        onInput={(e) => {
          const wanted = e.currentTarget.value;
          setText(wanted);
          clearTimeout(timer.current);
          timer.current = window.setTimeout(
            () => setQuery({ search: wanted || null, offset: null }),
            120,
          );
        }}
      />
      <kbd>/</kbd>
    </label>
  );
}

function TagFilter({ tags }: { tags: [string, number][] }) {
  const now = query.value.get("tag") ?? "";
  if (tags.length === 0) return null;
  return (
    <label class="inline">
      <span class="muted">Tag</span>
      <select value={now} onChange={(e) => setQuery({ tag: e.currentTarget.value, offset: null })}>
        <option value="">Any</option>
        {tags.map(([tag, n]) => (
          <option key={tag} value={tag}>
            {tag} ({n})
          </option>
        ))}
      </select>
    </label>
  );
}

export function Pager({ total, offset, page = PAGE }: { total: number; offset: number; page?: number }) {
  if (total <= page && offset === 0) {
    return <p class="pager muted small">{total === 1 ? "1 DAG" : `${total} DAGs`}</p>;
  }
  return (
    <nav class="pager" aria-label="Pages">
      <button
        disabled={offset === 0}
        onClick={() => setQuery({ offset: String(Math.max(0, offset - page)) }, false)}
      >
        <Icon name="left" size={14} /> Before
      </button>
      <span class="muted num">
        {offset + 1}–{Math.min(total, offset + page)} of {total}
      </span>
      <button
        disabled={offset + page >= total}
        onClick={() => setQuery({ offset: String(offset + page) }, false)}
      >
        After <Icon name="right" size={14} />
      </button>
    </nav>
  );
}

function useRow(dags: ListedDag[]): number {
  const [row, setRow] = useState(-1);
  const move = (by: number): void => {
    const next = Math.max(0, Math.min(dags.length - 1, row + by));
    setRow(next);
    document
      .querySelectorAll(".dag-list tbody tr")
      [next]?.scrollIntoView({ block: "nearest" });
  };
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    Enter: () => dags[row] && go(dagLink(dags[row].id)),
  });
  return row;
}
