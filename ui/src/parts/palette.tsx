// Ctrl-K: everywhere at once. DAGs, pages and actions by a few letters.
import { useMemo, useRef, useState } from "preact/hooks";
import { may } from "../core/api";
import { setTheme } from "../core/prefs";
import { useQuery } from "../core/query";
import { go, path, to } from "../core/router";
import { setZone } from "../core/time";
import { Dialog } from "./dialog";
import { Icon } from "./icon";

interface Item {
  text: string;
  hint: string;
  icon: string;
  run: () => void;
}

const PAGES: [string, string, string][] = [
  ["Home", "/", "home"],
  ["DAGs", "/dags", "dags"],
  ["Failed DAGs", "/dags?state=failed", "dags"],
  ["Runs", "/runs", "runs"],
  ["Failed runs", "/runs?state=failed", "runs"],
  ["Assets", "/assets", "assets"],
  ["Backfills", "/backfills", "backfill"],
  ["Questions", "/questions", "question"],
  ["Pools", "/pools", "pools"],
  ["Variables", "/variables", "variables"],
  ["Connections", "/connections", "connections"],
  ["Import errors", "/errors", "errors"],
  ["Workers", "/workers", "workers"],
  ["Audit log", "/audit", "audit"],
  ["Configuration", "/config", "config"],
  ["Users", "/users", "users"],
  ["Your account", "/account", "users"],
];

const VIEWS = ["graph", "gantt", "runs", "calendar", "backfills", "code", "details"];
const MOST = 40;

export function Palette({ onClose }: { onClose: () => void }) {
  const names = useQuery<string[]>("/ui/dag-names");
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const items = useMemo(() => {
    const all: Item[] = [];
    const here = /^\/dags\/([^/]+)/.exec(path.peek());
    if (here) {
      const dag = decodeURIComponent(here[1]!);
      for (const view of VIEWS)
        all.push({ text: `${dag}: ${view}`, hint: "this DAG", icon: "dags", run: () => go(to("dags", dag, view)) });
    }
    for (const [name, href, icon] of PAGES) {
      if (["/errors", "/workers", "/audit", "/config"].includes(href) && !may("op")) continue;
      if (href === "/users" && !may("admin")) continue;
      all.push({ text: name, hint: "page", icon, run: () => go(href) });
    }
    for (const theme of ["light", "dark", "system"] as const)
      all.push({ text: `Theme: ${theme}`, hint: "setting", icon: "sun", run: () => setTheme(theme) });
    all.push({ text: "Times in UTC", hint: "setting", icon: "clock", run: () => setZone("UTC") });
    for (const name of names.data ?? [])
      all.push({ text: name, hint: "DAG", icon: "dags", run: () => go(to("dags", name)) });
    return all;
  }, [names.data]);
  const found = useMemo(() => rank(items, text), [items, text]);
  const choose = (item: Item | undefined): void => {
    if (!item) return;
    onClose();
    item.run();
  };
  const move = (by: number): void => {
    const next = Math.max(0, Math.min(found.length - 1, at + by));
    setAt(next);
    list.current?.children[next]?.scrollIntoView({ block: "nearest" });
  };
  return (
    <Dialog title="Go to" onClose={onClose}>
      <div class="palette">
        <input
          type="text"
          role="combobox"
          aria-label="Go to a DAG, a page, an action"
          aria-expanded="true"
          aria-controls="palette-list"
          aria-activedescendant={found[at] ? `palette-${at}` : undefined}
          autofocus
          placeholder="A DAG, a page, an action"
          value={text}
          onInput={(e) => {
            setText(e.currentTarget.value);
            setAt(0);
          }}
          onKeyDown={(e) => {
            if (e.key === "ArrowDown") move(1);
            else if (e.key === "ArrowUp") move(-1);
            else if (e.key === "Enter") choose(found[at]);
            else return;
            e.preventDefault();
          }}
        />
        <ul id="palette-list" role="listbox" aria-label="Found" ref={list}>
          {found.map((item, n) => (
            <li
              key={`${item.hint} ${item.text}`}
              id={`palette-${n}`}
              role="option"
              aria-selected={n === at}
              onMouseMove={() => n !== at && setAt(n)}
              onClick={() => choose(item)}
            >
              <Icon name={item.icon} size={15} />
              <span class="clip">{item.text}</span>
              <span class="muted small">{item.hint}</span>
            </li>
          ))}
        </ul>
        {found.length === 0 && <p class="muted">Nothing is called so.</p>}
      </div>
    </Dialog>
  );
}

/** Those whose letters appear in order, best first: at the start, at a word, close together. */
function rank(items: Item[], text: string): Item[] {
  const want = text.toLowerCase().replace(/\s+/g, "");
  if (!want) return items.slice(0, MOST);
  const scored: [number, Item][] = [];
  for (const item of items) {
    const score = fits(item.text.toLowerCase(), want);
    if (score !== null) scored.push([score, item]);
  }
  return scored
    .sort((a, b) => b[0] - a[0] || a[1].text.length - b[1].text.length)
    .slice(0, MOST)
    .map((s) => s[1]);
}

function fits(name: string, want: string): number | null {
  const whole = name.indexOf(want);
  if (whole >= 0) return 1000 - whole - (whole && /[a-z0-9]/.test(name[whole - 1]!) ? 50 : 0);
  let score = 0;
  let from = 0;
  for (const letter of want) {
    const at = name.indexOf(letter, from);
    if (at < 0) return null;
    score += at === from ? 5 : at > 0 && !/[a-z0-9]/.test(name[at - 1]!) ? 3 : 0;
    from = at + 1;
  }
  return score;
}
