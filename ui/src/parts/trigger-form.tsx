// The trigger form: a field for each param after its JSON schema, and what a run may be given.
import { useState } from "preact/hooks";
import { post } from "../core/api";
import { useQuery } from "../core/query";
import { go } from "../core/router";
import { fromClock, zone } from "../core/time";
import type { Dag, Param } from "../core/types";
import { Dialog } from "./dialog";
import { Loaded, runLink } from "./page";
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

function Field({
  param,
  value,
  onChange,
}: {
  param: Param;
  value: unknown;
  onChange: (value: unknown) => void;
}) {
  const schema = param.schema as {
    type?: string | string[];
    title?: string;
    enum?: unknown[];
    minimum?: number;
    maximum?: number;
    format?: string;
    pattern?: string;
    maxLength?: number;
  };
  const types = ([] as (string | undefined)[]).concat(schema.type);
  const title = schema.title ?? param.name;
  const hint = param.description;
  const optional = types.includes("null");
  if (schema.enum) {
    return (
      <label>
        {title}
        <select
          value={JSON.stringify(value)}
          onChange={(e) => onChange(JSON.parse(e.currentTarget.value))}
        >
          {schema.enum.map((option) => (
            <option key={JSON.stringify(option)} value={JSON.stringify(option)}>
              {String(option)}
            </option>
          ))}
        </select>
        {hint && <small>{hint}</small>}
      </label>
    );
  }
  if (types.includes("boolean")) {
    return (
      <label class="check">
        <input
          type="checkbox"
          checked={value === true}
          onChange={(e) => onChange(e.currentTarget.checked)}
        />
        <span>
          {title}
          {hint && <small>{hint}</small>}
        </span>
      </label>
    );
  }
  if (types.includes("integer") || types.includes("number")) {
    return (
      <label>
        {title}
        <input
          type="number"
          step={types.includes("number") ? "any" : 1}
          min={schema.minimum}
          max={schema.maximum}
          required={!optional}
          value={value === null || value === undefined ? "" : String(value)}
          onInput={(e) => {
            const text = e.currentTarget.value;
            onChange(text === "" ? null : Number(text));
          }}
        />
        {hint && <small>{hint}</small>}
      </label>
    );
  }
  if (types.includes("array") || types.includes("object") || (value && typeof value === "object")) {
    return <JsonField title={title} hint={hint} value={value} onChange={onChange} />;
  }
  // Dates and times are text with a picker to the browser; to the typings they are a kind apart.
  const kind = (schema.format === "date" ? "date" : schema.format === "time" ? "time" : "text") as "text";
  return (
    <label>
      {title}
      <input
        type={kind}
        required={param.required && !optional}
        pattern={schema.pattern}
        maxLength={schema.maxLength}
        value={value === null || value === undefined ? "" : String(value)}
        onInput={(e) => onChange(e.currentTarget.value === "" && optional ? null : e.currentTarget.value)}
      />
      {hint && <small>{hint}</small>}
    </label>
  );
}

function JsonField({
  title,
  hint,
  value,
  onChange,
}: {
  title: string;
  hint: string | null;
  value: unknown;
  onChange: (value: unknown) => void;
}) {
  const [text, setText] = useState(() => JSON.stringify(value, null, 2) ?? "");
  return (
    <label>
      {title} <span class="muted">(JSON)</span>
      <textarea
        class="mono"
        rows={Math.min(8, text.split("\n").length + 1)}
        spellcheck={false}
        value={text}
        onInput={(e) => {
          const field = e.currentTarget;
          setText(field.value);
          try {
            onChange(JSON.parse(field.value));
            field.setCustomValidity("");
          } catch (problem) {
            field.setCustomValidity(`Not JSON: ${(problem as Error).message}`);
          }
        }}
      />
      {hint && <small>{hint}</small>}
    </label>
  );
}
