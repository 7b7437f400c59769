// A field of a form after a param's JSON schema: what a run is triggered with, what a person fills in.
import { useState } from "preact/hooks";
import type { Param } from "../core/types";

export function Field({
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
