// Assets: who makes them and who waits for them, as a list and as a graph.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { url } from "../core/api";
import { compose, type Drawing } from "../core/compose";
import { fit, ink } from "../core/paint";
import { systemDark, theme } from "../core/prefs";
import { useQuery } from "../core/query";
import { go, query, setQuery } from "../core/router";
import { dagLink, Empty, Loaded, PageHead, taskLink, useTitle } from "../parts/page";
import { Icon } from "../parts/icon";
import { Ago, Time } from "../parts/time";

interface Data {
  assets: { id: number; name: string; uri: string; group: string; last: number | null }[];
  /** [dag, role, task, name, uri] */
  references: [string, string, string, string, string][];
}

export function AssetsPage() {
  useTitle("Assets");
  const found = useQuery<Data>("/ui/assets", { every: 15_000 });
  const [find, setFind] = useState("");
  const graph = query.value.get("view") === "graph";
  return (
    <>
      <PageHead title="Assets" lead="What DAGs make, and what other DAGs start from." />
      <div class="toolbar">
        <label class="search">
          <Icon name="search" size={15} />
          <span class="sr">Find assets</span>
          <input type="search" placeholder="Find assets" value={find} onInput={(e) => setFind(e.currentTarget.value)} />
        </label>
        <div class="segments" role="group" aria-label="View">
          <button aria-pressed={!graph} onClick={() => setQuery({ view: null })}>
            List
          </button>
          <button aria-pressed={graph} onClick={() => setQuery({ view: "graph" })}>
            Graph
          </button>
        </div>
      </div>
      <Loaded query={found}>
        {(data) =>
          data.assets.length === 0 ? (
            <Empty title="No asset yet">
              <p>Name one in a task's outlets or in a DAG's schedule.</p>
            </Empty>
          ) : graph ? (
            <Lineage data={data} find={find} />
          ) : (
            <List data={data} find={find} />
          )
        }
      </Loaded>
    </>
  );
}

function List({ data, find }: { data: Data; find: string }) {
  const [open, setOpen] = useState<number | null>(null);
  const uses = useMemo(() => {
    const all = new Map<string, { makers: [string, string][]; waiters: string[] }>();
    for (const [dag, role, task, name, uri] of data.references) {
      const key = `${name}\n${uri}`;
      const use = all.get(key) ?? { makers: [], waiters: [] };
      if (role === "outlet") use.makers.push([dag, task]);
      else if (role === "schedule") use.waiters.push(dag);
      all.set(key, use);
    }
    return all;
  }, [data]);
  const shown = data.assets.filter((a) => `${a.name} ${a.uri}`.toLowerCase().includes(find.toLowerCase()));
  return (
    <div class="scroll-x">
      <table class="list">
        <caption class="sr">Assets</caption>
        <thead>
          <tr>
            {["Asset", "Made by", "Starts", "Updated"].map((h) => (
              <th scope="col" key={h}>
                {h}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.slice(0, 500).map((a) => {
            const use = uses.get(`${a.name}\n${a.uri}`);
            return (
              <tr key={a.id}>
                <td>
                  <button class="link strong" aria-expanded={open === a.id} onClick={() => setOpen(open === a.id ? null : a.id)}>
                    {a.name}
                  </button>
                  <div class="mono small muted wrap">{a.uri}</div>
                  {open === a.id && <Events asset={a.id} />}
                </td>
                <td>
                  {use?.makers.map(([dag, task]) => (
                    <div key={`${dag} ${task}`}>
                      <a href={dagLink(dag)}>{dag}</a> <span class="muted small">{task}</span>
                    </div>
                  ))}
                </td>
                <td>
                  {use?.waiters.map((dag) => (
                    <div key={dag}>
                      <a href={dagLink(dag)}>{dag}</a>
                    </div>
                  ))}
                </td>
                <td>
                  <Ago at={a.last} />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

interface AssetEvent {
  at: number;
  dag: string | null;
  run: string | null;
  task: string | null;
  map: number | null;
}

function Events({ asset }: { asset: number }) {
  const events = useQuery<AssetEvent[]>(url("/ui/asset-events", { asset }));
  return (
    <Loaded query={events}>
      {(all) => (
        <ul class="rows">
          {all.length === 0 && <li class="muted">It was never updated.</li>}
          {all.slice(0, 10).map((e, n) => (
            <li key={n} class="small">
              <Time at={e.at} precise />
              {e.dag && e.run && e.task && <a href={taskLink(e.dag, e.run, e.task, e.map ?? -1)}>{e.dag}</a>}
            </li>
          ))}
        </ul>
      )}
    </Loaded>
  );
}

function Lineage({ data, find }: { data: Data; find: string }) {
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const inked = useMemo(() => ink(14), [theme.value, systemDark.value]);
  const scene = useMemo(() => {
    const names: string[] = [];
    const dags = new Set<number>();
    const index = new Map<string, number>();
    const node = (key: string, name: string, isDag: boolean): number => {
      const known = index.get(key);
      if (known !== undefined) return known;
      index.set(key, names.length);
      if (isDag) dags.add(names.length);
      names.push(name);
      return names.length - 1;
    };
    const edges: [number, number][] = [];
    for (const [dag, role, , name, uri] of data.references) {
      if (role === "inlet") continue;
      const [d, a] = [node(`dag ${dag}`, dag, true), node(`asset ${name}\n${uri}`, name || uri, false)];
      edges.push(role === "outlet" ? [d, a] : [a, d]);
    }
    const drawing: Drawing = compose({
      widths: names.map((n) => Math.min(300, 46 + n.length * 6.7)),
      groupOf: names.map(() => -1),
      groups: [],
      groupWidths: [],
      edges: forward(edges, names.length),
      closed: [],
    });
    return { names, dags, drawing };
  }, [data]);
  const draw = (): void => {
    if (!frame.current || !canvas.current) return;
    const { names, dags, drawing } = scene;
    const ctx = fit(canvas.current, Math.max(frame.current.clientWidth, drawing.width + 40), drawing.height + 40);
    ctx.clearRect(0, 0, canvas.current.width, canvas.current.height);
    ctx.translate(20, 20);
    ctx.strokeStyle = inked.css("--line-strong");
    for (const e of drawing.edges) {
      ctx.beginPath();
      ctx.moveTo(e.path[0]!, e.path[1]!);
      for (let i = 2; i < e.path.length; i += 2) {
        const half = (e.path[i]! - e.path[i - 2]!) / 2;
        ctx.bezierCurveTo(e.path[i - 2]! + half, e.path[i - 1]!, e.path[i]! - half, e.path[i + 1]!, e.path[i]!, e.path[i + 1]!);
      }
      ctx.stroke();
    }
    ctx.font = "12px system-ui, sans-serif";
    for (const n of drawing.nodes) {
      const name = names[n.index]!;
      ctx.globalAlpha = find && !name.toLowerCase().includes(find.toLowerCase()) ? 0.3 : 1;
      ctx.beginPath();
      ctx.roundRect(n.x, n.y, n.width, n.height, dags.has(n.index) ? 7 : 15);
      ctx.fillStyle = inked.css(dags.has(n.index) ? "--surface" : "--accent-soft");
      ctx.fill();
      ctx.stroke();
      ctx.fillStyle = inked.css("--text");
      ctx.fillText(name.length > 40 ? `${name.slice(0, 39)}…` : name, n.x + 14, n.y + 19);
    }
    ctx.globalAlpha = 1;
  };
  useLayoutEffect(draw);
  useEffect(() => {
    const observer = new ResizeObserver(draw);
    observer.observe(frame.current!);
    return () => observer.disconnect();
  }, []);
  return (
    <div ref={frame} class="lineage card" role="region" tabIndex={0} aria-label={`Graph of ${scene.names.length} DAGs and assets; the list says the same`}>
      <canvas
        ref={canvas}
        onClick={(e) => {
          const rect = e.currentTarget.getBoundingClientRect();
          const [x, y] = [e.clientX - rect.left - 20, e.clientY - rect.top - 20];
          const hit = scene.drawing.nodes.find((n) => x >= n.x && x <= n.x + n.width && y >= n.y && y <= n.y + n.height);
          if (hit && scene.dags.has(hit.index)) go(dagLink(scene.names[hit.index]!));
        }}
      />
    </div>
  );
}

/** DAGs may feed each other in a circle: an edge that goes back is left out of the layout. */
function forward(edges: [number, number][], n: number): [number, number][] {
  const out: number[][] = Array.from({ length: n }, () => []);
  const kept: [number, number][] = [];
  for (const [a, b] of edges) {
    const stack = [b];
    const seen = new Set(stack);
    for (let v = stack.pop(); v !== undefined && v !== a; v = stack.pop())
      for (const w of out[v]!) if (!seen.has(w)) seen.add(w) && stack.push(w);
    if (a === b || seen.has(a)) continue;
    out[a]!.push(b);
    kept.push([a, b]);
  }
  return kept;
}
