// Line differences by the longest common subsequence, after what is equal at both ends is put
// aside. Sources are small; beyond a bound the middle counts as replaced.
export type Line = ["+" | "-" | " ", string];

const MOST = 3000;

export function diff(before: string[], after: string[]): Line[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head++;
  let tail = 0;
  while (
    tail < before.length - head &&
    tail < after.length - head &&
    before[before.length - 1 - tail] === after[after.length - 1 - tail]
  )
    tail++;
  const a = before.slice(head, before.length - tail);
  const b = after.slice(head, after.length - tail);
  const same = (lines: string[]): Line[] => lines.map((l) => [" ", l]);
  return [...same(before.slice(0, head)), ...middle(a, b), ...same(before.slice(before.length - tail))];
}

function middle(a: string[], b: string[]): Line[] {
  if (a.length > MOST || b.length > MOST)
    return [...a.map((l): Line => ["-", l]), ...b.map((l): Line => ["+", l])];
  const wide = b.length + 1;
  const best = new Uint16Array((a.length + 1) * wide);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      best[i * wide + j] =
        a[i] === b[j]
          ? best[(i + 1) * wide + j + 1]! + 1
          : Math.max(best[(i + 1) * wide + j]!, best[i * wide + j + 1]!);
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push([" ", a[i]!]);
      i++;
      j++;
    } else if (i < a.length && (j === b.length || best[(i + 1) * wide + j]! >= best[i * wide + j + 1]!))
      lines.push(["-", a[i++]!]);
    else lines.push(["+", b[j++]!]);
  }
  return lines;
}
