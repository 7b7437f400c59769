// A value as text that can be read, searched and copied.
export function Json({ value }: { value: unknown }) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return (
    <pre class="json" tabIndex={0} aria-label="Value">
      {text ?? "null"}
    </pre>
  );
}
