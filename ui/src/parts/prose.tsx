// Markdown as people write it in doc_md and in questions, made into elements, never into HTML:
// what is not known here stays text.
import type { ComponentChildren } from "preact";

const SAFE = /^(https?:|mailto:|\/(?!\/))/i;
const INLINE =
  /(`+)(.+?)\1|\*\*(.+?)\*\*|__(.+?)__|\*([^*\s](?:[^*]*[^*\s])?)\*|\[([^\]]+)\]\(([^)\s]+)\)|(https?:\/\/[^\s<>()]+[^\s<>().,;:!?])/;
const ITEM = /^(\s*)([-*+]|\d+[.)])\s+(.*)$/;
const MOST_NESTED = 8;
/** Longer texts are data, and shown as they are. */
const LONGEST = 100_000;

export function Prose({ text }: { text: string }) {
  if (text.length > LONGEST) return <pre class="json">{text}</pre>;
  return <div class="prose">{blocks(unindented(text).split("\n"))}</div>;
}

/** A docstring is indented as its code is; that means nothing. */
function unindented(text: string): string {
  const lines = text.replace(/\r\n?/g, "\n").replace(/^\n+|\s+$/g, "").split("\n");
  const depths = lines.slice(1).filter((l) => l.trim()).map((l) => l.length - l.trimStart().length);
  const depth = depths.length ? Math.min(...depths) : 0;
  return lines.map((l, n) => (n === 0 ? l.trimStart() : l.slice(depth))).join("\n");
}

function blocks(lines: string[]): ComponentChildren[] {
  const found: ComponentChildren[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at]!;
    const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
    if (!line.trim()) at++;
    else if (/^\s*(```|~~~)/.test(line)) {
      const fence = line.trim().slice(0, 3);
      const from = ++at;
      while (at < lines.length && !lines[at]!.trim().startsWith(fence)) at++;
      found.push(<pre key={at}>{lines.slice(from, at++).join("\n")}</pre>);
    } else if (heading) {
      // A page has its own headings of the first ranks.
      found.push(<h3 key={at}>{inline(heading[2]!)}</h3>);
      at++;
    } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
      found.push(<hr key={at++} />);
    } else if (line.startsWith(">")) {
      const from = at;
      while (at < lines.length && lines[at]!.startsWith(">")) at++;
      const inner = lines.slice(from, at).map((l) => l.replace(/^>\s?/, "").replace(/^>+/, ""));
      found.push(<blockquote key={at}>{blocks(inner)}</blockquote>);
    } else if (isTable(lines, at)) {
      const from = at;
      while (at < lines.length && lines[at]!.includes("|")) at++;
      found.push(<Table key={at} lines={lines.slice(from, at)} />);
    } else if (ITEM.test(line)) {
      const from = at;
      while (at < lines.length && (ITEM.test(lines[at]!) || /^\s+\S/.test(lines[at]!))) at++;
      found.push(<List key={at} lines={lines.slice(from, at)} />);
    } else {
      const from = at++;
      while (at < lines.length && lines[at]!.trim() && !/^(#{1,6}\s|```|~~~|>)/.test(lines[at]!) && !ITEM.test(lines[at]!)) at++;
      found.push(<p key={at}>{inline(lines.slice(from, at).join("\n"))}</p>);
    }
  }
  return found;
}

function List({ lines }: { lines: string[] }) {
  const first = ITEM.exec(lines[0]!)!;
  const items: string[][] = [];
  for (const line of lines) {
    const item = ITEM.exec(line);
    if (item && item[1]!.length <= first[1]!.length) items.push([item[3]!]);
    else items[items.length - 1]!.push(line.slice(first[1]!.length).replace(/^\s{1,4}/, ""));
  }
  const shown = items.map(([head, ...rest], n) => (
    <li key={n}>
      {inline(head!)}
      {rest.some((l) => ITEM.test(l)) ? blocks(rest) : rest.length > 0 && inline(` ${rest.join(" ")}`)}
    </li>
  ));
  return /\d/.test(first[2]!) ? <ol>{shown}</ol> : <ul>{shown}</ul>;
}

function isTable(lines: string[], at: number): boolean {
  return lines[at]!.includes("|") && /^[\s|:-]*-[\s|:-]*$/.test(lines[at + 1] ?? "") && lines[at + 1]!.includes("|");
}

function Table({ lines }: { lines: string[] }) {
  const cells = (line: string): string[] => line.trim().replace(/^\||\|$/g, "").split("|");
  return (
    <div class="scroll-x">
      <table class="list">
        <thead>
          <tr>
            {cells(lines[0]!).map((c, n) => (
              <th scope="col" key={n}>
                {inline(c.trim())}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {lines.slice(2).map((line, n) => (
            <tr key={n}>
              {cells(line).map((c, m) => (
                <td key={m}>{inline(c.trim())}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function inline(text: string, depth = 0): ComponentChildren[] {
  const found: ComponentChildren[] = [];
  let rest = text;
  for (let match = INLINE.exec(rest); match && depth < MOST_NESTED; match = INLINE.exec(rest)) {
    found.push(rest.slice(0, match.index));
    const [whole, , code, strong, strongToo, weak, words, href, bare] = match;
    const key = found.length;
    if (code !== undefined) found.push(<code key={key}>{code}</code>);
    else if (strong ?? strongToo) found.push(<strong key={key}>{inline((strong ?? strongToo)!, depth + 1)}</strong>);
    else if (weak !== undefined) found.push(<em key={key}>{inline(weak, depth + 1)}</em>);
    else if (bare ?? SAFE.test(href!)) {
      found.push(
        <a key={key} href={(bare ?? href)!} rel="noopener noreferrer" target="_blank">
          {bare ?? inline(words!, depth + 1)}
        </a>,
      );
    } else found.push(whole);
    rest = rest.slice(match.index + whole.length);
  }
  found.push(rest);
  return found;
}
