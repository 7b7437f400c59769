// Colours that programs print (SGR sequences); every other control sequence is dropped.
import type { ComponentChildren } from "preact";

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the point
const SEQUENCE = /\u001b\[([0-9;]*)([A-Za-z])|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|\u001b./g;
const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

export function ansi(text: string): ComponentChildren {
  if (!text.includes("\u001b")) return text;
  const parts: ComponentChildren[] = [];
  let classes = new Set<string>();
  let at = 0;
  const push = (to: number): void => {
    if (to <= at) return;
    const piece = text.slice(at, to);
    parts.push(classes.size ? <span class={[...classes].join(" ")}>{piece}</span> : piece);
  };
  for (const match of text.matchAll(SEQUENCE)) {
    push(match.index);
    at = match.index + match[0].length;
    if (match[2] === "m") classes = next(classes, (match[1] || "0").split(";").map(Number));
  }
  push(text.length);
  return parts;
}

function next(before: ReadonlySet<string>, codes: number[]): Set<string> {
  const classes = new Set(before);
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]!;
    const colour = code >= 30 && code <= 37 ? code - 30 : code >= 90 && code <= 97 ? code - 90 : null;
    if (code === 0) classes.clear();
    else if (code === 1) classes.add("ansi-bold");
    else if (code === 2) classes.add("ansi-dim");
    else if (code === 22) for (const c of ["ansi-bold", "ansi-dim"]) classes.delete(c);
    else if (code === 38 || code === 48) i += codes[i + 1] === 5 ? 2 : 4;
    else if (colour !== null || code === 39) {
      for (const name of NAMES) classes.delete(`ansi-${name}`);
      if (colour !== null) classes.add(`ansi-${NAMES[colour]}`);
    }
  }
  return classes;
}
