// The trigger form: a field for each param after its JSON schema, and what a run may be given.
import { useState } from "preact/hooks";
import { post } from "../core/api";
import { useQuery } from "../core/query";
import { go } from "../core/router";
import { fromClock, zone } from "../core/time";
import type { Dag } from "../core/types";
import { Dialog } from "./dialog";
import { Loaded, runLink } from "./page";
import { Field } from "./param-field";
import { toast } from "./toast";

export function TriggerForm({
  dag,
  onClose,
  onDone,
  conf,
}: {
  dag: string;
  onClose: () => void;
  onDone?: ((run: string) => void) | undefined;
  /** Values of an earlier run, to go on from. */
  conf?: Record<string, unknown>;
}) {
  const frame = useQuery<Dag>(`/ui/dag?dag=${encodeURIComponent(dag)}`);
  return (
    <Dialog title={`Trigger ${dag}`} onClose={onClose}>
      <Loaded query={frame}>
        {(data) => <Fields dag={data} onClose={onClose} onDone={onDone} conf={conf ?? {}} />}
      </Loaded>
    </Dialog>
  );
}

function Fields({
  dag,
  onClose,
  onDone,
  conf,
}: {
  dag: Dag;
  onClose: () => void;
  onDone: ((run: string) => void) | undefined;
  conf: Record<string, unknown>;
}) {
  const [values, setValues] = useState<Record<string, unknown>>(() =>
    Object.fromEntries(dag.params.map((p) => [p.name, conf[p.name] ?? p.default])),
  );
  const own = Object.keys(conf).filter((k) => !dag.params.some((p) => p.name === k));
  const [extra, setExtra] = useState(
    own.length ? JSON.stringify(Object.fromEntries(own.map((k) => [k, conf[k]])), null, 2) : "",
  );
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string): string | null => (form.get(name) as string) || null;
    setError(null);
    let more: unknown = {};
    try {
      more = extra.trim() ? JSON.parse(extra) : {};
    } catch (problem) {
      setError(`The configuration is not JSON: ${(problem as Error).message}`);
      return;
    }
    const date = text("logical_date");
    setBusy(true);
    try {
      const run = await post<{ dag_run_id: string }>(
        `/api/v2/dags/${encodeURIComponent(dag.id)}/dagRuns`,
        {
          logical_date: date ? new Date(fromClock(date) * 1000).toISOString() : null,
          dag_run_id: text("run_id"),
          note: text("note"),
          conf: { ...values, ...(more as object) },
        },
      );
      toast(`Run ${run.dag_run_id} of ${dag.id} was triggered`);
      onClose();
      if (onDone) onDone(run.dag_run_id);
      else go(runLink(dag.id, run.dag_run_id));
    } catch (problem) {
      setError((problem as Error).message);
      setBusy(false);
    }
  };
  return (
    <form class="form" onSubmit={submit}>
      {dag.paused && (
        <p class="banner">The DAG is paused: the run is kept in the queue until it is not.</p>
      )}
      {dag.params.map((p) => (
        <Field
          key={p.name}
          param={p}
          value={values[p.name]}
          onChange={(v) => setValues((all) => ({ ...all, [p.name]: v }))}
        />
      ))}
      <details open={extra !== ""}>
        <summary>More: date, run id, note, configuration</summary>
        <label>
          Logical date <span class="muted">({zone.value})</span>
          <input type="datetime-local" name="logical_date" />
        </label>
        <label>
          Run id
          <input name="run_id" placeholder="made from the time" pattern="[A-Za-z0-9_.~:+\-]+" />
        </label>
        <label>
          Note
          <input name="note" />
        </label>
        <label>
          Further configuration <span class="muted">(JSON)</span>
          <textarea
            class="mono"
            rows={4}
            spellcheck={false}
            value={extra}
            onInput={(e) => setExtra(e.currentTarget.value)}
          />
        </label>
      </details>
      {error && (
        <p class="banner bad" role="alert">
          {error}
        </p>
      )}
      <footer>
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <button class="primary" disabled={busy} autofocus={dag.params.length === 0}>
          Trigger
        </button>
      </footer>
    </form>
  );
}
