// Backfills: what they are doing, and the form that shows what one would do before it does it.
import { useEffect, useState } from "preact/hooks";
import { may, post, put, url } from "../core/api";
import { useReloadOn } from "../core/live";
import { useQuery } from "../core/query";
import { label } from "../core/states";
import { fromClock, zone } from "../core/time";
import { Dialog } from "../parts/dialog";
import { Icon } from "../parts/icon";
import { dagLink, Empty, Loaded, PageHead, useTitle } from "../parts/page";
import { StateCount, StateTag } from "../parts/state";
import { Time } from "../parts/time";
import { failed, toast } from "../parts/toast";

interface Backfill {
  id: number;
  dag: string;
  from: number;
  to: number;
  paused: boolean;
  reprocess: string;
  max_active_runs: number;
  actor: string;
  created: number;
  completed: number | null;
  runs: Record<string, number>;
}

export function BackfillsPage() {
  useTitle("Backfills");
  return (
    <>
      <PageHead title="Backfills" lead="Runs made for the past." />
      <List dag={null} />
    </>
  );
}

export function DagBackfills({ dag }: { dag: string }) {
  return <List dag={dag} />;
}

function List({ dag }: { dag: string | null }) {
  const found = useQuery<Backfill[]>(url("/ui/backfills", { dag }), { every: 15_000 });
  const [form, setForm] = useState(false);
  useReloadOn((c) => c[2] === null, found.reload, 800);
  const act = async (b: Backfill, what: string): Promise<void> => {
    try {
      await put(`/api/v2/backfills/${b.id}/${what}`, {});
      found.reload();
    } catch (problem) {
      failed(problem);
    }
  };
  return (
    <>
      {dag && may("user") && (
        <div class="toolbar">
          <button class="primary" aria-haspopup="dialog" onClick={() => setForm(true)}>
            <Icon name="backfill" size={14} /> Backfill
          </button>
        </div>
      )}
      <Loaded query={found}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="No backfill">
              <p>{dag ? "Start one to make the runs of past dates." : "Start one on a DAG's page, under Backfills."}</p>
            </Empty>
          ) : (
            <ul class="stack">
              {all.map((b) => (
                <li class="card backfill" key={b.id}>
                  <div class="grow">
                    <div class="line-1">
                      <a class="strong" href={dagLink(b.dag)}>
                        {b.dag}
                      </a>
                      <span>
                        <Time at={b.from} /> to <Time at={b.to} />
                      </span>
                      {b.paused && <StateTag state="deferred" text="paused" />}
                    </div>
                    <Progress runs={b.runs} />
                    <p class="muted small">
                      {b.actor && `by ${b.actor}, `}
                      <Time at={b.created} /> · at most {b.max_active_runs} at once
                      {b.completed && (
                        <>
                          {" "}
                          · done <Time at={b.completed} />
                        </>
                      )}
                    </p>
                  </div>
                  {!b.completed && may("user") && (
                    <div class="buttons">
                      <button onClick={() => act(b, b.paused ? "unpause" : "pause")}>{b.paused ? "Go on" : "Pause"}</button>
                      <button onClick={() => act(b, "cancel")}>Cancel</button>
                    </div>
                  )}
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
      {form && dag && <Form dag={dag} onClose={() => setForm(false)} onDone={found.reload} />}
    </>
  );
}

const ORDER = ["success", "failed", "running", "queued"];

function Progress({ runs }: { runs: Record<string, number> }) {
  const total = Object.values(runs).reduce((a, b) => a + b, 0);
  const done = (runs["success"] ?? 0) + (runs["failed"] ?? 0);
  return (
    <div class="progress">
      <div class="progress-bar" role="progressbar" aria-label="Runs done" aria-valuemin={0} aria-valuemax={total} aria-valuenow={done}>
        {ORDER.filter((s) => runs[s]).map((s) => (
          <span key={s} class={`s-${s}`} style={{ width: `${(100 * runs[s]!) / Math.max(1, total)}%` }} title={`${runs[s]} ${label(s)}`} />
        ))}
      </div>
      <span class="num small">
        {done} of {total}
      </span>
      {ORDER.filter((s) => runs[s]).map((s) => (
        <StateCount key={s} state={s} count={runs[s]!} />
      ))}
    </div>
  );
}

function Form({ dag, onClose, onDone }: { dag: string; onClose: () => void; onDone: () => void }) {
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [reprocess, setReprocess] = useState("none");
  const [most, setMost] = useState(10);
  const [plan, setPlan] = useState<{ logical_date: string }[] | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const body = () => ({
    dag_id: dag,
    from_date: new Date(fromClock(from) * 1000).toISOString(),
    to_date: new Date(fromClock(to) * 1000).toISOString(),
    reprocess_behavior: reprocess,
    max_active_runs: most,
    run_backwards: false,
    dag_run_conf: {},
  });
  useEffect(() => {
    setPlan(null);
    setError(null);
    if (!from || !to) return;
    let current = true;
    const timer = setTimeout(() => {
      post<{ backfills: { logical_date: string }[] }>("/api/v2/backfills/dry_run", body()).then(
        (found) => current && setPlan(found.backfills),
        (problem: Error) => current && setError(problem.message),
      );
    }, 250);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [from, to, reprocess, zone.value]);
  return (
    <Dialog title={`Backfill ${dag}`} onClose={onClose}>
      <form
        class="form"
        onSubmit={async (event) => {
          event.preventDefault();
          setBusy(true);
          try {
            await post("/api/v2/backfills", body());
            toast(`The backfill of ${dag} has begun`);
            onDone();
            onClose();
          } catch (problem) {
            setError((problem as Error).message);
            setBusy(false);
          }
        }}
      >
        <div class="row">
          <label>
            From <span class="muted">({zone.value})</span>
            <input type="datetime-local" required value={from} onInput={(e) => setFrom(e.currentTarget.value)} />
          </label>
          <label>
            To <span class="muted">({zone.value})</span>
            <input type="datetime-local" required value={to} onInput={(e) => setTo(e.currentTarget.value)} />
          </label>
          <label>
            Runs that exist
            <select value={reprocess} onChange={(e) => setReprocess(e.currentTarget.value)}>
              <option value="none">leave alone</option>
              <option value="failed">run again if failed</option>
              <option value="completed">run again</option>
            </select>
          </label>
          <label>
            Runs at once, at most
            <input type="number" min={1} value={most} onInput={(e) => setMost(Number(e.currentTarget.value))} />
          </label>
        </div>
        {error && (
          <p class="banner bad" role="alert">
            {error}
          </p>
        )}
        {plan && (
          <>
            <p role="status">
              {plan.length === 0 ? "There is no run to make." : `${plan.length} run${plan.length === 1 ? "" : "s"}:`}
            </p>
            <ul class="affected" tabIndex={0} aria-label="Runs of the backfill">
              {plan.slice(0, 300).map((p) => (
                <li key={p.logical_date}>
                  <Time at={Date.parse(p.logical_date) / 1000} />
                </li>
              ))}
              {plan.length > 300 && <li class="muted">and {plan.length - 300} more</li>}
            </ul>
          </>
        )}
        <footer>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button class="primary" disabled={busy || !plan?.length}>
            {plan?.length ? `Backfill ${plan.length}` : "Backfill"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
