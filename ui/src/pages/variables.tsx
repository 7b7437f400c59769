import { may, patch, post } from "../core/api";
import { useQuery } from "../core/query";
import { Crud, Fields } from "../parts/crud";

interface Variable {
  key: string;
  value: string | null;
  description: string | null;
  is_encrypted?: boolean;
}

const path = (key: string): string => `/api/v2/variables/${encodeURIComponent(key)}`;

export function VariablesPage() {
  const found = useQuery<{ variables: Variable[] }>("/api/v2/variables?limit=1000&order_by=key");
  return (
    <Crud<Variable>
      title="Variables"
      one="variable"
      lead="Values that tasks read by name. Encrypted at rest; those with telling names are masked here."
      query={found}
      items={found.data?.variables}
      name={(v) => v.key}
      path={path}
      mayChange={may("op")}
      columns={[
        {
          title: "Key",
          cell: (v) => (
            <>
              <span class="mono strong">{v.key}</span>
              <div class="muted small">{v.description}</div>
            </>
          ),
        },
        { title: "Value", cell: (v) => <span class="mono wrap">{v.value}</span> },
      ]}
      form={(variable, done) => (
        <Fields
          done={done}
          save={(f) => {
            const body = { key: variable?.key ?? f["key"], value: f["value"], description: f["description"] || null };
            return variable ? patch(path(variable.key), body) : post("/api/v2/variables", body);
          }}
        >
          {!variable && (
            <label>
              Key
              <input name="key" required maxLength={250} />
            </label>
          )}
          <label>
            Value
            <textarea class="mono" name="value" rows={5} required defaultValue={variable?.value ?? ""} />
          </label>
          <label>
            Description
            <input name="description" defaultValue={variable?.description ?? ""} />
          </label>
        </Fields>
      )}
    />
  );
}
