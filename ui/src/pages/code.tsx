// The source of a DAG, version by version, and what changed between two.
import { useMemo } from "preact/hooks";
import { url } from "../core/api";
import { useQuery } from "../core/query";
import { query, setQuery } from "../core/router";
import { diff } from "../core/diff";
import { highlight } from "../core/python";
import { stamp } from "../core/time";
import { Empty, Loaded } from "../parts/page";

interface Data {
  file: string;
  number: number;
  versions: { number: number; at: number }[];
  source: string | null;
}

export function CodeView({ dag }: { dag: string }) {
  const number = query.value.get("version");
  const against = query.value.get("against");
  const code = useQuery<Data>(url("/ui/code", { dag, number }));
  const other = useQuery<Data>(against ? url("/ui/code", { dag, number: against }) : null);
  return (
    <Loaded query={code}>
      {(data) => (
        <>
          <div class="toolbar">
            <span class="mono">{data.file}</span>
            <Choice text="Version" value={String(data.number)} versions={data.versions} onChange={(v) => setQuery({ version: v })} />
            {data.versions.length > 1 && (
              <Choice text="Compared with" value={against ?? ""} versions={data.versions} none onChange={(v) => setQuery({ against: v })} />
            )}
          </div>
          {data.source === null ? (
            <Empty title="The source of this version is not kept" />
          ) : other.data?.source ? (
            <Diff before={other.data.source} after={data.source} />
          ) : (
            <Source text={data.source} />
          )}
        </>
      )}
    </Loaded>
  );
}

function Choice({
  text,
  value,
  versions,
  none = false,
  onChange,
}: {
  text: string;
  value: string;
  versions: Data["versions"];
  none?: boolean;
  onChange: (value: string) => void;
}) {
  return (
    <label class="inline">
      <span class="muted">{text}</span>
      <select value={value} onChange={(e) => onChange(e.currentTarget.value)}>
        {none && <option value="">Nothing</option>}
        {versions.map((v) => (
          <option key={v.number} value={v.number}>
            {v.number} · {stamp(v.at)}
          </option>
        ))}
      </select>
    </label>
  );
}

function Source({ text }: { text: string }) {
  const parts = useMemo(() => highlight(text), [text]);
  return (
    <pre class="code card" tabIndex={0} aria-label="Source">
      {parts.map(([kind, piece], n) => (kind ? <span key={n} class={`py-${kind}`}>{piece}</span> : piece))}
    </pre>
  );
}

function Diff({ before, after }: { before: string; after: string }) {
  const lines = useMemo(() => diff(before.split("\n"), after.split("\n")), [before, after]);
  const changed = lines.filter((l) => l[0] !== " ").length;
  if (changed === 0) return <Empty title="The two versions have the same source" />;
  return (
    <pre class="code card" tabIndex={0} aria-label="Changes">
      {lines.map(([kind, line], n) => (
        <div key={n} class={kind === "+" ? "added" : kind === "-" ? "taken" : ""}>
          {kind} {line}
        </div>
      ))}
    </pre>
  );
}
