// Colours for Python source: strings, comments, keywords, numbers, decorators. No more is needed
// to read a DAG file, and no editor is loaded for it.
const TOKEN =
  /(#[^\n]*)|((?:[rbfuRBFU]{0,2})(?:"""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))|(@[\w.]+)|\b(False|None|True|and|as|assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|in|is|lambda|nonlocal|not|or|pass|raise|return|try|while|with|yield|match|case)\b|\b(\d[\d_.]*(?:e[+-]?\d+)?)\b/g;

const KINDS = ["comment", "string", "decorator", "keyword", "number"];

export function highlight(source: string): [string, string][] {
  const parts: [string, string][] = [];
  let at = 0;
  for (const match of source.matchAll(TOKEN)) {
    if (match.index > at) parts.push(["", source.slice(at, match.index)]);
    const kind = KINDS.find((_, n) => match[n + 1] !== undefined) ?? "";
    parts.push([kind, match[0]]);
    at = match.index + match[0].length;
  }
  if (at < source.length) parts.push(["", source.slice(at)]);
  return parts;
}
