// What tasks ask people, of all DAGs: what waits for an answer, and what was answered.
import { useState } from "preact/hooks";
import { url } from "../core/api";
import { useReloadOn } from "../core/live";
import { useQuery } from "../core/query";
import { query, setQuery } from "../core/router";
import type { Question } from "../core/types";
import { dagLink, Empty, Loaded, PageHead, taskLink, useTitle } from "../parts/page";
import { QuestionView } from "../parts/question";

export function QuestionsPage() {
  useTitle("Questions");
  const answered = query.value.get("answered") === "true";
  const found = useQuery<{ total: number; questions: Question[] }>(url("/ui/questions", { answered: answered || null }), {
    every: 30_000,
  });
  useReloadOn((c) => c[2] !== null, found.reload, 1500);
  return (
    <>
      <PageHead
        title="Questions"
        lead="What tasks ask people."
        actions={
          <div class="segments" role="group" aria-label="Which questions">
            <button aria-pressed={!answered} onClick={() => setQuery({ answered: null })}>
              Waiting
            </button>
            <button aria-pressed={answered} onClick={() => setQuery({ answered: "true" })}>
              Answered
            </button>
          </div>
        }
      />
      <Loaded query={found}>
        {(data) =>
          data.questions.length === 0 ? (
            <Empty title={answered ? "Nothing was answered yet" : "Nothing waits for an answer"} />
          ) : (
            <div class="stack">
              {data.questions.map((q) => (
                <Card key={`${q.dag} ${q.run} ${q.task} ${q.map} ${q.at}`} question={q} reload={found.reload} />
              ))}
              {data.total > data.questions.length && (
                <p class="muted">and {data.total - data.questions.length} more</p>
              )}
            </div>
          )
        }
      </Loaded>
    </>
  );
}

function Card({ question: q, reload }: { question: Question; reload: () => void }) {
  const [open, setOpen] = useState(q.answer !== null || (q.params.length === 0 && !q.multiple));
  return (
    <section class="card" aria-label={q.subject}>
      <h2 class="wrap">{q.subject}</h2>
      <p class="small">
        <a href={taskLink(q.dag, q.run, q.task, q.map)}>
          {q.task}
          {q.map >= 0 && `[${q.map}]`}
        </a>
        <span class="muted"> of </span>
        <a href={dagLink(q.dag)}>{q.dag}</a>
      </p>
      {open ? <QuestionView question={q} onDone={reload} /> : <button onClick={() => setOpen(true)}>Answer</button>}
    </section>
  );
}
