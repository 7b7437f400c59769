// Layered layout of a graph, for a worker: ranks by longest path, order by medians, then
// positions pulled towards neighbours. A few milliseconds for a thousand tasks.

export interface Box {
  width: number;
  height: number;
}

export interface Placed {
  x: Float64Array;
  y: Float64Array;
  width: number;
  height: number;
  /** Bends of each edge, in the order of the edges: [x, y, x, y, …]. */
  paths: Float64Array[];
}

const GAP_X = 56;
const GAP_Y = 12;
const SWEEPS = 8;

/** Lay out boxes from left to right. Edges must not form a cycle. */
export function layout(boxes: Box[], edges: [number, number][]): Placed {
  const n = boxes.length;
  const rank = ranks(n, edges);
  // An edge over many ranks passes through invisible nodes, so that it does not cross boxes.
  const rankOf = [...rank];
  const tall: number[] = boxes.map((b) => b.height);
  const up: number[][] = Array.from({ length: n }, () => []);
  const down: number[][] = Array.from({ length: n }, () => []);
  const chains: number[][] = [];
  let nodes = n;
  for (const [a, b] of edges) {
    const chain = [a];
    let last = a;
    for (let r = rank[a]! + 1; r < rank[b]!; r++) {
      rankOf.push(r);
      tall.push(2);
      up.push([]);
      down.push([]);
      down[last]!.push(nodes);
      up[nodes]!.push(last);
      chain.push(nodes);
      last = nodes++;
    }
    down[last]!.push(b);
    up[b]!.push(last);
    chain.push(b);
    chains.push(chain);
  }
  const layers: number[][] = [];
  for (let v = 0; v < nodes; v++) (layers[rankOf[v]!] ??= []).push(v);
  order(layers, up, down, nodes);
  const y = place(layers, up, down, tall, nodes);
  const wide = layers.map((layer) => Math.max(0, ...layer.map((v) => (v < n ? boxes[v]!.width : 0))));
  const left: number[] = [];
  let x = 0;
  for (const w of wide) {
    left.push(x);
    x += w + GAP_X;
  }
  let top = Infinity;
  let bottom = 0;
  for (let v = 0; v < nodes; v++) {
    top = Math.min(top, y[v]! - tall[v]! / 2);
    bottom = Math.max(bottom, y[v]! + tall[v]! / 2);
  }
  if (nodes === 0) top = 0;
  const xs = new Float64Array(n);
  const ys = new Float64Array(n);
  for (let v = 0; v < n; v++) {
    xs[v] = left[rank[v]!]!;
    ys[v] = y[v]! - tall[v]! / 2 - top;
  }
  const paths = chains.map((chain) => {
    const points: number[] = [];
    chain.forEach((v, i) => {
      const at = y[v]! - top;
      if (v < n) points.push(i === 0 ? xs[v]! + boxes[v]!.width : xs[v]!, at);
      else points.push(left[rankOf[v]!]!, at, left[rankOf[v]!]! + wide[rankOf[v]!]!, at);
    });
    return Float64Array.from(points);
  });
  return { x: xs, y: ys, width: Math.max(0, x - GAP_X), height: Math.max(0, bottom - top), paths };
}

function ranks(n: number, edges: [number, number][]): number[] {
  const incoming = new Array<number>(n).fill(0);
  const out: number[][] = Array.from({ length: n }, () => []);
  for (const [a, b] of edges) {
    incoming[b]!++;
    out[a]!.push(b);
  }
  const rank = new Array<number>(n).fill(0);
  const ready = incoming.flatMap((count, v) => (count === 0 ? [v] : []));
  for (let i = 0; i < ready.length; i++) {
    const v = ready[i]!;
    for (const w of out[v]!) {
      rank[w] = Math.max(rank[w]!, rank[v]! + 1);
      if (--incoming[w]! === 0) ready.push(w);
    }
  }
  return rank;
}

function order(layers: number[][], up: number[][], down: number[][], nodes: number): void {
  const place = new Float64Array(nodes);
  const renumber = (layer: number[]): void => layer.forEach((v, i) => (place[v] = i));
  layers.forEach(renumber);
  const middle = new Float64Array(nodes);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const forth = sweep % 2 === 0;
    for (let i = 0; i < layers.length; i++) {
      const layer = layers[forth ? i : layers.length - 1 - i]!;
      for (const v of layer) {
        const next = (forth ? up : down)[v]!;
        if (next.length === 0) {
          middle[v] = place[v]!;
          continue;
        }
        let sum = 0;
        for (const w of next) sum += place[w]!;
        middle[v] = sum / next.length;
      }
      layer.sort((a, b) => middle[a]! - middle[b]! || place[a]! - place[b]!);
      renumber(layer);
    }
  }
}

function place(layers: number[][], up: number[][], down: number[][], tall: number[], nodes: number): Float64Array {
  const y = new Float64Array(nodes);
  for (const layer of layers) {
    let at = 0;
    for (const v of layer) {
      y[v] = at + tall[v]! / 2;
      at += tall[v]! + GAP_Y;
    }
    const shift = at / 2;
    for (const v of layer) y[v] = y[v]! - shift;
  }
  const wish = new Float64Array(nodes);
  for (let sweep = 0; sweep < 10; sweep++) {
    const forth = sweep % 2 === 0;
    for (let i = 0; i < layers.length; i++) {
      const layer = layers[forth ? i : layers.length - 1 - i]!;
      for (const v of layer) {
        const next = (forth ? up : down)[v]!;
        wish[v] = y[v]!;
        if (next.length) {
          const near = next.map((w) => y[w]!).sort((a, b) => a - b);
          const half = near.length >> 1;
          wish[v] = near.length % 2 ? near[half]! : (near[half - 1]! + near[half]!) / 2;
        }
      }
      apart(layer, wish, y, tall);
    }
  }
  return y;
}

/** Put a layer as near to its wishes as order and gaps allow: blocks that collide share a mean. */
function apart(layer: number[], wish: Float64Array, y: Float64Array, tall: number[]): void {
  const blocks: { from: number; sum: number; count: number; at: number; size: number }[] = [];
  let size = 0;
  layer.forEach((v, i) => {
    const half = tall[v]! / 2;
    let block = { from: i, sum: wish[v]! - half, count: 1, at: wish[v]! - half, size: tall[v]! + GAP_Y };
    while (blocks.length) {
      const before = blocks[blocks.length - 1]!;
      if (before.at + before.size <= block.at) break;
      blocks.pop();
      const sum = before.sum + block.sum - before.size * block.count;
      const count = before.count + block.count;
      block = { from: before.from, sum, count, at: sum / count, size: before.size + block.size };
    }
    blocks.push(block);
    size++;
  });
  blocks.forEach((block, b) => {
    const to = blocks[b + 1]?.from ?? size;
    let at = block.at;
    for (let i = block.from; i < to; i++) {
      const v = layer[i]!;
      y[v] = at + tall[v]! / 2;
      at += tall[v]! + GAP_Y;
    }
  });
}
