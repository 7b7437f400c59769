// The rows of a grid: tasks in topological order, each under its groups; groups can be closed.
import type { GroupShape, Structure, TaskShape } from "./types";

export interface Row {
  key: string;
  kind: "group" | "task";
  name: string;
  depth: number;
  /** Indices of the tasks it stands for: one, or all of a group. */
  tasks: number[];
  operator: string;
  mapped: boolean;
  role: number;
}

interface Node {
  group: number;
  children: (Node | number)[];
}

export function tree(structure: Structure, gone: string[] = []): Node {
  const root: Node = { group: -1, children: [] };
  const nodes = new Map<number, Node>([[-1, root]]);
  const find = (group: number): Node => {
    const known = nodes.get(group);
    if (known) return known;
    const node: Node = { group, children: [] };
    nodes.set(group, node);
    find(structure.groups[group]![1]).children.push(node);
    return node;
  };
  structure.tasks.forEach((task, n) => find(task[1]).children.push(n));
  gone.forEach((_, n) => root.children.push(structure.tasks.length + n));
  return root;
}

export function rowsOf(structure: Structure, gone: string[], closed: ReadonlySet<string>): Row[] {
  const rows: Row[] = [];
  const all = (node: Node): number[] =>
    node.children.flatMap((c) => (typeof c === "number" ? [c] : all(c)));
  const walk = (node: Node, depth: number, prefix: string): void => {
    for (const child of node.children) {
      if (typeof child === "number") {
        rows.push(taskRow(structure.tasks[child], gone, child, structure, depth, prefix));
        continue;
      }
      const [id, , label] = structure.groups[child.group] as GroupShape;
      rows.push({
        key: `group:${id}`,
        kind: "group",
        name: label || last(id, prefix),
        depth,
        tasks: all(child),
        operator: "group",
        mapped: false,
        role: 0,
      });
      if (!closed.has(id)) walk(child, depth + 1, `${id}.`);
    }
  };
  walk(tree(structure, gone), 0, "");
  return rows;
}

function taskRow(
  task: TaskShape | undefined,
  gone: string[],
  index: number,
  structure: Structure,
  depth: number,
  prefix: string,
): Row {
  const id = task?.[0] ?? gone[index - structure.tasks.length]!;
  return {
    key: id,
    kind: "task",
    name: last(id, prefix),
    depth,
    tasks: [index],
    operator: task?.[2] ?? "no longer in the DAG",
    mapped: task?.[3] === 1,
    role: task?.[4] ?? 0,
  };
}

function last(id: string, prefix: string): string {
  return prefix && id.startsWith(prefix) ? id.slice(prefix.length) : id;
}
