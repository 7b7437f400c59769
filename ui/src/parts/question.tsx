// What a task asks a person: the question, its form, and the answers to choose from.
import { useState } from "preact/hooks";
import { may, me, patch } from "../core/api";
import type { Question } from "../core/types";
import { Field } from "./param-field";
import { Prose } from "./prose";
import { Ago, Time } from "./time";
import { toast } from "./toast";

export function QuestionView({ question: q, onDone }: { question: Question; onDone: () => void }) {
  return (
    <>
      <p class="small muted">
        asked <Ago at={q.at} />
        {q.for.length > 0 && ` · for ${q.for.join(", ")}`}
        {q.waits && q.until && (
          <>
            {" "}
            · {q.defaults.length > 0 ? `becomes ${q.defaults.join(", ")}` : "given up"} <Ago at={q.until} />
          </>
        )}
      </p>
      {q.body && <Prose text={q.body} />}
      {q.answer ? <Answer question={q} /> : q.waits ? <Form question={q} onDone={onDone} /> : <p class="muted">Nobody answered; it waits no more.</p>}
    </>
  );
}

function Answer({ question: q }: { question: Question }) {
  const answer = q.answer!;
  return (
    <>
      <p>
        <strong>{answer.chosen.join(", ")}</strong>, said <strong>{answer.by || "nobody in time"}</strong>{" "}
        <Time at={answer.at} precise />
      </p>
      {Object.keys(answer.filled).length > 0 && (
        <dl class="facts tight">
          {Object.entries(answer.filled).map(([name, value]) => [
            <dt key={name}>{name}</dt>,
            <dd key={`${name} value`} class="mono wrap">
              {typeof value === "string" ? value : JSON.stringify(value)}
            </dd>,
          ])}
        </dl>
      )}
    </>
  );
}

function Form({ question: q, onDone }: { question: Question; onDone: () => void }) {
  const [values, setValues] = useState<Record<string, unknown>>(() =>
    Object.fromEntries(q.params.map((p) => [p.name, p.default])),
  );
  const [chosen, setChosen] = useState<string[]>([...q.defaults]);
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const name = me.value?.username ?? "";
  if (!may("user")) return <p class="muted">Your role lets you read this, not answer it.</p>;
  if (q.for.length > 0 && !q.for.includes(name)) return <p class="muted">It is for {q.for.join(", ")} to answer.</p>;
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const pressed = (event.submitter as HTMLButtonElement | null)?.value;
    setBusy(true);
    setError(null);
    try {
      await patch(answerPath(q), { chosen_options: q.multiple ? chosen : [pressed], params_input: values });
      toast(`${q.subject}: ${q.multiple ? chosen.join(", ") : pressed}`);
      onDone();
    } catch (problem) {
      setError((problem as Error).message);
    }
    setBusy(false);
  };
  return (
    <form class="form" onSubmit={submit}>
      {q.params.map((p) => (
        <Field key={p.name} param={p} value={values[p.name]} onChange={(v) => setValues((all) => ({ ...all, [p.name]: v }))} />
      ))}
      {q.multiple && (
        <fieldset class="reach">
          <legend>Choose one or more</legend>
          {q.options.map((option) => (
            <label class="check" key={option}>
              <input
                type="checkbox"
                checked={chosen.includes(option)}
                onChange={(e) =>
                  setChosen(q.options.filter((o) => (o === option ? e.currentTarget.checked : chosen.includes(o))))
                }
              />
              {option}
            </label>
          ))}
        </fieldset>
      )}
      {error && (
        <p class="banner bad" role="alert">
          {error}
        </p>
      )}
      <footer class="answers">
        {q.multiple ? (
          <button class="primary" disabled={busy || chosen.length === 0}>
            Answer
          </button>
        ) : (
          q.options.map((option, n) => (
            <button key={option} value={option} class={n === 0 ? "primary" : ""} disabled={busy}>
              {option}
            </button>
          ))
        )}
      </footer>
    </form>
  );
}

function answerPath(q: Question): string {
  const [dag, run, task] = [q.dag, q.run, q.task].map(encodeURIComponent);
  return `/api/v2/dags/${dag}/dagRuns/${run}/taskInstances/${task}/${q.map}/hitlDetails`;
}
