// Which DAGs an account sees, and which of them it may change: all, or a list.
import { useState } from "preact/hooks";
import { useQuery } from "../core/query";
import { Icon } from "./icon";

type Dags = Record<string, boolean> | null;

export function DagAccess({ dags, onChange, mayEdit }: { dags: Dags; onChange: (dags: Dags) => void; mayEdit: boolean }) {
  const names = useQuery<string[]>("/ui/dag-names");
  const [name, setName] = useState("");
  const known = names.data ?? [];
  const add = (): void => {
    if (!name) return;
    onChange({ ...dags, [name]: mayEdit });
    setName("");
  };
  return (
    <fieldset class="dag-access">
      <legend>DAGs</legend>
      <label class="check">
        <input type="checkbox" checked={dags === null} onChange={(e) => onChange(e.currentTarget.checked ? null : {})} />
        All DAGs, also those to come
      </label>
      {dags !== null && (
        <>
          <ul class="rows">
            {Object.entries(dags).map(([dag, edit]) => (
              <li key={dag}>
                <span class="wrap">{dag}</span>
                <span class="spring" />
                <label class="check small">
                  <input
                    type="checkbox"
                    checked={edit && mayEdit}
                    disabled={!mayEdit}
                    onChange={(e) => onChange({ ...dags, [dag]: e.currentTarget.checked })}
                  />
                  may change it
                </label>
                <button
                  type="button"
                  class="quiet square"
                  aria-label={`Take ${dag} off the list`}
                  onClick={() => onChange(Object.fromEntries(Object.entries(dags).filter(([d]) => d !== dag)))}
                >
                  <Icon name="x" size={14} />
                </button>
              </li>
            ))}
          </ul>
          <div class="row-of">
            <input
              type="text"
              aria-label="A DAG to put on the list"
              placeholder="A DAG to put on the list"
              list="dag-names"
              value={name}
              onInput={(e) => setName(e.currentTarget.value)}
              onKeyDown={(e) => {
                if (e.key !== "Enter") return;
                e.preventDefault();
                add();
              }}
            />
            <button type="button" disabled={!name} onClick={add}>
              Add
            </button>
          </div>
          <datalist id="dag-names">
            {known.slice(0, 2_000).map((n) => (
              <option key={n} value={n} />
            ))}
          </datalist>
        </>
      )}
    </fieldset>
  );
}
