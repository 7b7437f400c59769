// A graph with nested groups: each open group is laid out by itself and then is one box for its
// parent. Small layouts, and opening a group moves only what is around it.
import { layout, type Box } from "./layout";
import type { GroupShape } from "./types";

export interface Ask {
  /** Width of each task's box, and the group it is in (-1: none). */
  widths: number[];
  groupOf: number[];
  groups: GroupShape[];
  groupWidths: number[];
  edges: [number, number][];
  closed: number[];
}

export interface DrawnNode {
  /** Index of the task, or of the group. */
  index: number;
  kind: "task" | "closed" | "open";
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Drawing {
  nodes: DrawnNode[];
  edges: { from: number; to: number; path: number[] }[];
  width: number;
  height: number;
}

export const TALL = 30;
const PAD = 14;
const TITLE = 22;

export function compose(ask: Ask): Drawing {
  const closed = new Set(ask.closed);
  const inside = new Map<number, (["task", number] | ["group", number])[]>();
  const add = (parent: number, child: ["task", number] | ["group", number]): void => {
    const all = inside.get(parent);
    if (all) all.push(child);
    else inside.set(parent, [child]);
  };
  ask.groups.forEach((group, n) => add(group[1], ["group", n]));
  ask.groupOf.forEach((group, n) => add(group, ["task", n]));
  // The chain of groups around each task, from the outside in.
  const chains = ask.groupOf.map((group) => {
    const chain: number[] = [];
    for (let g = group; g >= 0; g = ask.groups[g]![1]) chain.unshift(g);
    return chain;
  });
  // Each edge belongs to the level where its two ends part.
  const levels = new Map<number, [number, number][]>();
  for (const edge of ask.edges) {
    const [a, b] = [chains[edge[0]]!, chains[edge[1]]!];
    let depth = 0;
    while (depth < a.length && depth < b.length && a[depth] === b[depth]) depth++;
    const level = depth === 0 ? -1 : a[depth - 1]!;
    const all = levels.get(level);
    if (all) all.push(edge);
    else levels.set(level, [edge]);
  }

  const build = (level: number): Drawing => {
    const children = inside.get(level) ?? [];
    const inner = children.map(([kind, n]) => (kind === "group" && !closed.has(n) ? build(n) : null));
    const boxes: Box[] = children.map(([kind, n], i) => {
      const open = inner[i];
      if (open)
        return {
          width: Math.max(open.width + 2 * PAD, ask.groupWidths[n]! + 2 * PAD),
          height: open.height + 2 * PAD + TITLE,
        };
      return { width: kind === "task" ? ask.widths[n]! : ask.groupWidths[n]!, height: TALL };
    });
    const position = new Map(children.map(([kind, n], i) => [`${kind}${n}`, i]));
    const depth = level < 0 ? 0 : chainLength(ask.groups, level);
    const childOf = (task: number): number => {
      const chain = chains[task]!;
      return position.get(chain.length > depth ? `group${chain[depth]}` : `task${task}`)!;
    };
    const seen = new Set<number>();
    const lifted: [number, number][] = [];
    for (const [a, b] of levels.get(level) ?? []) {
      const [from, to] = [childOf(a), childOf(b)];
      const key = from * children.length + to;
      if (from !== to && !seen.has(key)) {
        seen.add(key);
        lifted.push([from, to]);
      }
    }
    const placed = layout(boxes, acyclic(lifted, children.length));
    const drawing: Drawing = { nodes: [], edges: [], width: placed.width, height: placed.height };
    const at: number[] = [];
    children.forEach(([kind, n], i) => {
      const open = inner[i];
      const [x, y] = [placed.x[i]!, placed.y[i]!];
      at.push(drawing.nodes.length);
      drawing.nodes.push({
        index: n,
        kind: kind === "task" ? "task" : open ? "open" : "closed",
        x,
        y,
        width: boxes[i]!.width,
        height: boxes[i]!.height,
      });
      if (!open) return;
      const base = drawing.nodes.length;
      const [dx, dy] = [x + PAD, y + PAD + TITLE];
      for (const node of open.nodes) drawing.nodes.push({ ...node, x: node.x + dx, y: node.y + dy });
      for (const edge of open.edges)
        drawing.edges.push({
          from: edge.from + base,
          to: edge.to + base,
          path: edge.path.map((v, k) => v + (k % 2 ? dy : dx)),
        });
    });
    lifted.forEach(([a, b], i) => {
      const path = placed.paths[i];
      if (path) drawing.edges.push({ from: at[a]!, to: at[b]!, path: Array.from(path) });
    });
    return drawing;
  };
  return build(-1);
}

function chainLength(groups: GroupShape[], level: number): number {
  let depth = 0;
  for (let g = level; g >= 0; g = groups[g]![1]) depth++;
  return depth;
}

/** Groups can need each other both ways; the edge that closes a circle is turned around. */
function acyclic(edges: [number, number][], n: number): [number, number][] {
  const out: number[][] = Array.from({ length: n }, () => []);
  const reaches = (from: number, to: number): boolean => {
    const stack = [from];
    const seen = new Set(stack);
    for (let v = stack.pop(); v !== undefined; v = stack.pop()) {
      if (v === to) return true;
      for (const w of out[v]!) if (!seen.has(w)) seen.add(w) && stack.push(w);
    }
    return false;
  };
  const ordered = edges.every(([a, b]) => a < b);
  if (ordered) return edges;
  return edges.map(([a, b]) => {
    const [from, to] = reaches(b, a) ? [b, a] : [a, b];
    out[from]!.push(to);
    return [from, to] as [number, number];
  });
}
