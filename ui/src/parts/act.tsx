// Clear and mark: always with the exact set first, as the server says it, then the deed.
import { useEffect, useState } from "preact/hooks";
import { patch, post } from "../core/api";
import { label } from "../core/states";
import { Dialog } from "./dialog";
import { Icon } from "./icon";
import { StateIcon, StateTag } from "./state";
import { toast } from "./toast";

type Deed = "clear" | "success" | "failed" | "skipped";

interface Affected {
  dag_run_id: string;
  task_id: string;
  map_index: number;
  state: string | null;
}

/** Tasks of a run by id; none is the whole run. */
export interface Part {
  run: string;
  tasks?: string[] | undefined;
  map?: number | undefined;
}

interface Target {
  dag: string;
  parts: Part[];
  what: string;
  onDone?: (() => void) | undefined;
}

/** So many requests at once: a browser has six connections, one of which is the stream. */
const AT_ONCE = 4;
/** Marks go task by task. */
const MOST_MARKED = 500;

export function Actions({ run, tasks, map, ...rest }: Omit<Target, "parts"> & Part) {
  return <PartActions {...rest} parts={[{ run, tasks, map }]} />;
}

export function PartActions(target: Target) {
  const [deed, setDeed] = useState<Deed | null>(null);
  const whole = isWhole(target);
  return (
    <div class="actions-row">
      <button onClick={() => setDeed("clear")} aria-haspopup="dialog">
        <Icon name="clear" size={14} /> Clear
      </button>
      <button onClick={() => setDeed("success")} aria-haspopup="dialog">
        <StateIcon state="success" size={14} /> Mark success
      </button>
      <button onClick={() => setDeed("failed")} aria-haspopup="dialog">
        <StateIcon state="failed" size={14} /> Mark failed
      </button>
      {!whole && (
        <button onClick={() => setDeed("skipped")} aria-haspopup="dialog">
          <StateIcon state="skipped" size={14} /> Mark skipped
        </button>
      )}
      {deed && <Act {...target} deed={deed} onClose={() => setDeed(null)} />}
    </div>
  );
}

interface Reach {
  upstream: boolean;
  downstream: boolean;
  past: boolean;
  future: boolean;
  onlyFailed: boolean;
}

const REACH: [keyof Reach, string, string][] = [
  ["upstream", "Upstream", "what it waits for"],
  ["downstream", "Downstream", "what waits for it"],
  ["past", "Past", "earlier runs"],
  ["future", "Future", "later runs"],
  ["onlyFailed", "Only failed", "leave the rest alone"],
];

export function Act({ deed, onClose, ...target }: Target & { deed: Deed; onClose: () => void }) {
  const clear = deed === "clear";
  const whole = isWhole(target);
  const [reach, setReach] = useState<Reach>({
    upstream: false,
    downstream: clear && !whole,
    past: false,
    future: false,
    onlyFailed: false,
  });
  const [plan, setPlan] = useState<Affected[] | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    let current = true;
    setPlan(null);
    setError(null);
    perform(target, deed, reach, true).then(
      (found) => current && setPlan(found),
      (problem: Error) => current && setError(problem.message),
    );
    return () => {
      current = false;
    };
  }, [JSON.stringify(reach)]);
  const confirm = async (): Promise<void> => {
    setBusy(true);
    try {
      await perform(target, deed, reach, false);
      toast(clear ? `${target.what}: cleared to run again` : `${target.what}: marked ${deed}`);
      onClose();
      target.onDone?.();
    } catch (problem) {
      setError((problem as Error).message);
      setBusy(false);
    }
  };
  const title = clear ? `Clear ${target.what}` : `Mark ${target.what} ${deed}`;
  const options = REACH.filter(
    ([name]) =>
      (whole ? name === "onlyFailed" && clear : clear || name !== "onlyFailed") &&
      // Past and future are seen from one run.
      (target.parts.length === 1 || (name !== "past" && name !== "future")),
  );
  const count = plan?.length ?? 0;
  return (
    <Dialog title={title} onClose={onClose}>
      <div class="form">
        {options.length > 0 && (
          <fieldset class="reach">
            <legend>Also</legend>
            {options.map(([name, text, hint]) => (
              <label class="check" key={name} title={hint}>
                <input
                  type="checkbox"
                  checked={reach[name]}
                  onChange={(e) => setReach({ ...reach, [name]: e.currentTarget.checked })}
                />
                {text}
              </label>
            ))}
          </fieldset>
        )}
        {error ? (
          <p class="banner bad" role="alert">
            {error}
          </p>
        ) : plan === null ? (
          <div class="skeleton small-skeleton" role="status" aria-label="Working out what is affected" />
        ) : whole && !clear ? (
          <p>The run becomes {label(deed).toLowerCase()}, with those of its tasks that are not done.</p>
        ) : (
          <>
            <p role="status">
              {count === 0
                ? "Nothing would change."
                : `${count} task instance${count === 1 ? "" : "s"} ${clear ? "will run again" : `become${count === 1 ? "s" : ""} ${deed}`}:`}
            </p>
            <ul class="affected" tabIndex={0} aria-label="Affected task instances">
              {plan.slice(0, 200).map((ti) => (
                <li key={`${ti.dag_run_id} ${ti.task_id} ${ti.map_index}`}>
                  <StateTag state={ti.state ?? "none"} text="" />
                  <span class="mono clip">
                    {ti.task_id}
                    {ti.map_index >= 0 && `[${ti.map_index}]`}
                  </span>
                  {(target.parts.length > 1 || ti.dag_run_id !== target.parts[0]!.run) && <span class="muted small clip">{ti.dag_run_id}</span>}
                </li>
              ))}
              {count > 200 && <li class="muted">and {count - 200} more</li>}
            </ul>
          </>
        )}
        <footer>
          <button onClick={onClose}>Cancel</button>
          <button
            class={deed === "failed" ? "danger" : "primary"}
            disabled={busy || plan === null || (count === 0 && !(whole && !clear))}
            onClick={confirm}
          >
            {clear ? `Clear ${count || ""}` : whole ? `Mark ${deed}` : `Mark ${count || ""} ${deed}`}
          </button>
        </footer>
      </div>
    </Dialog>
  );
}

const isWhole = (target: Target): boolean => target.parts.some((part) => !part.tasks);

/** Do it, or ask what it would change: each task instance once, however many parts name it. */
async function perform(target: Target, deed: Deed, reach: Reach, dry: boolean): Promise<Affected[]> {
  const jobs = target.parts.flatMap((part) => jobsOf(target.dag, part, deed, reach, dry));
  if (deed !== "clear" && jobs.length > MOST_MARKED)
    throw new Error(`Mark at most ${MOST_MARKED} tasks at once, not ${jobs.length}; choose fewer.`);
  const found = new Map<string, Affected>();
  const next = jobs.values();
  const work = async (): Promise<void> => {
    for (const job of next)
      for (const ti of await job()) found.set(`${ti.dag_run_id} ${ti.task_id} ${ti.map_index}`, ti);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return [...found.values()];
}

type Job = () => Promise<Affected[]>;

function jobsOf(dagId: string, part: Part, deed: Deed, reach: Reach, dry: boolean): Job[] {
  const dag = `/api/v2/dags/${encodeURIComponent(dagId)}`;
  const run = `${dag}/dagRuns/${encodeURIComponent(part.run)}`;
  const { tasks, map = -1 } = part;
  if (!tasks) {
    if (deed === "clear") {
      const body = { dry_run: dry, only_failed: reach.onlyFailed };
      return [async () => (await post<{ task_instances?: Affected[] }>(`${run}/clear`, body)).task_instances ?? []];
    }
    return dry ? [] : [() => patch(run, { state: deed }).then(() => [])];
  }
  const include = {
    include_upstream: reach.upstream,
    include_downstream: reach.downstream,
    include_future: reach.future,
    include_past: reach.past,
  };
  if (deed === "clear") {
    const body = {
      dry_run: dry,
      dag_run_id: part.run,
      task_ids: tasks.map((t) => (map >= 0 ? [t, map] : t)),
      only_failed: reach.onlyFailed,
      reset_dag_runs: true,
      ...include,
    };
    return [async () => (await post<{ task_instances: Affected[] }>(`${dag}/clearTaskInstances`, body)).task_instances];
  }
  return tasks.map((task) => async () => {
    const path = `${run}/taskInstances/${encodeURIComponent(task)}${map >= 0 ? `/${map}` : ""}${dry ? "/dry_run" : ""}`;
    const found = await patch<{ task_instances?: Affected[] }>(path, { new_state: deed, ...include });
    return found.task_instances ?? [];
  });
}
