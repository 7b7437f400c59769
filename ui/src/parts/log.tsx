// A task's log: its end first, live while the task runs; searched on the server, all of it.
// Lines are plain text in the page, so the browser's own find, select and copy work on them.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { get, url } from "../core/api";
import { useKeys } from "../core/keys";
import { pref } from "../core/prefs";
import { query, setQuery } from "../core/router";
import { stamp, zone } from "../core/time";
import type { LogLine, LogPart, LogSegment } from "../core/types";
import { ansi } from "./ansi";
import { Icon } from "./icon";
import { Empty } from "./page";
import { failed, toast } from "./toast";

const PART = 500;
const KEPT = 4000;
const FOLLOW_MS = 600;
const LEVELS = ["debug", "info", "warning", "error"] as const;

const wrap = pref("log.wrap", true);
const times = pref("log.times", true);
const hidden = pref<string[]>("log.hidden", []);

interface Place {
  dag: string;
  run: string;
  task: string;
  map: number;
}

interface Shown {
  lines: LogLine[];
  start: number;
  end: number;
  size: number;
  segment: LogSegment | null;
  segments: LogSegment[];
}

export function LogView({ place, live, attempt }: { place: Place; live: boolean; attempt: number }) {
  const [shown, setShown] = useState<Shown | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [fence, setFence] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const stick = useRef(true);
  const keepBottom = useRef<number | null>(null);
  const base = { ...place, try: attempt || null, fence: fence || null };
  const here = JSON.stringify(base);
  const fetchPart = (more: Record<string, string | number>): Promise<LogPart> =>
    get<LogPart>(url("/ui/log", { ...base, ...more }));

  const showEnd = (): void => {
    stick.current = true;
    fetchPart({ lines: PART }).then(
      (part) => {
        setError(null);
        setShown(part);
      },
      (problem: Error) => setError(problem.message),
    );
  };
  const showAt = (offset: number): Promise<void> =>
    Promise.all([fetchPart({ before: offset, lines: 60 }), fetchPart({ after: offset, lines: PART })]).then(
      ([before, after]) => {
        stick.current = false;
        setShown({ ...after, lines: [...before.lines, ...after.lines], start: before.start });
      },
      failed,
    );
  useEffect(() => {
    const at = Number(query.peek().get("at"));
    setShown(null);
    if (at) void showAt(at).then(() => mark(box.current, at));
    else showEnd();
  }, [here]);

  const atEnd = shown !== null && shown.end >= shown.size;
  useEffect(() => {
    if (!shown || (!live && atEnd)) return;
    const timer = setInterval(() => {
      if (document.hidden || !stick.current) return;
      fetchPart({ after: shown.end, lines: PART }).then(
        (part) => {
          if (part.segment?.fence !== shown.segment?.fence) return showEnd();
          if (part.lines.length === 0) return;
          setShown((old) =>
            old && old.end === part.start
              ? {
                  ...part,
                  lines: [...old.lines, ...part.lines].slice(-KEPT),
                  start: old.lines.length + part.lines.length > KEPT ? part.start : old.start,
                }
              : old,
          );
        },
        () => undefined,
      );
    }, FOLLOW_MS);
    return () => clearInterval(timer);
  }, [here, live, shown?.end, atEnd]);
  // The task has just begun, or just ended: look again.
  useEffect(() => {
    if (shown && stick.current) showEnd();
  }, [live]);

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    if (keepBottom.current !== null) {
      element.scrollTop = element.scrollHeight - keepBottom.current;
      keepBottom.current = null;
    } else if (stick.current) {
      element.scrollTop = element.scrollHeight;
      // Lines get their true heights as they come into sight; then the end is elsewhere.
      requestAnimationFrame(() => {
        element.scrollTop = element.scrollHeight;
      });
    }
  }, [shown]);

  const earlier = async (): Promise<void> => {
    if (!shown || shown.start === 0) return;
    const part = await fetchPart({ before: shown.start, lines: PART });
    keepBottom.current = box.current!.scrollHeight - box.current!.scrollTop;
    stick.current = false;
    setShown((old) => old && { ...old, lines: [...part.lines, ...old.lines], start: part.start });
  };
  const later = async (): Promise<void> => {
    if (!shown) return;
    const part = await fetchPart({ after: shown.end, lines: PART });
    stick.current = false;
    setShown((old) => old && { ...part, lines: [...old.lines, ...part.lines], start: old.start });
  };
  const jump = async (offset: number): Promise<void> => {
    const inside = shown?.lines.some((l) => l[0] === offset);
    if (!inside) await showAt(offset);
    stick.current = false;
    requestAnimationFrame(() => mark(box.current, offset));
  };
  if (error) return <Empty title="No log yet">{error}</Empty>;
  if (!shown) return <div class="skeleton" role="status" aria-label="Loading the log" />;
  const classes = hidden.value.map((l) => `no-${l}`).join(" ");
  return (
    <section class="log-frame" aria-label="Log">
      <Bar
        base={base}
        shown={shown}
        place={place}
        attempt={attempt}
        fence={fence}
        onFence={setFence}
        onJump={jump}
      />
      <div
        ref={box}
        class={`log ${wrap.value ? "wrapped" : ""} ${times.value ? "" : "no-times"} ${classes}`}
        role="log"
        aria-live="off"
        aria-label="Lines"
        tabIndex={0}
        onScroll={(e) => {
          const el = e.currentTarget;
          stick.current = el.scrollHeight - el.scrollTop - el.clientHeight < 24;
          if (el.scrollTop < 40 && shown.start > 0 && keepBottom.current === null) void earlier();
        }}
      >
        {shown.start > 0 && (
          <button class="quiet log-more" onClick={earlier}>
            {size(shown.start)} before this
          </button>
        )}
        {shown.lines.length === 0 && <p class="muted log-none">No line yet.</p>}
        {shown.lines.map((line) => (
          <Line key={line[0]} line={line} />
        ))}
        {!atEnd && (
          <button class="quiet log-more" onClick={later}>
            {size(shown.size - shown.end)} after this
          </button>
        )}
      </div>
      <footer class="log-foot small muted">
        <span>
          {live && atEnd ? (
            <>
              <span class="pulse" aria-hidden="true" /> live
            </>
          ) : (
            `${size(shown.size)} in all`
          )}
        </span>
        <button
          class="quiet"
          onClick={() => {
            setQuery({ at: null });
            showEnd();
          }}
        >
          <Icon name="down" size={13} /> To the end
        </button>
      </footer>
    </section>
  );
}

function Bar({
  base,
  shown,
  place,
  attempt,
  fence,
  onFence,
  onJump,
}: {
  base: Record<string, string | number | null>;
  shown: Shown;
  place: Place;
  attempt: number;
  fence: number;
  onFence: (fence: number) => void;
  onJump: (offset: number) => Promise<void>;
}) {
  const [text, setText] = useState("");
  const [found, setFound] = useState<{ key: string; hits: number[]; total: number } | null>(null);
  const [at, setAt] = useState(-1);
  const field = useRef<HTMLInputElement>(null);
  const look = async (kind: "text" | "level", value: string, by: number): Promise<void> => {
    const key = `${kind}:${value}`;
    let hits = found;
    if (!hits || hits.key !== key) {
      try {
        hits = {
          key,
          ...(await get<{ hits: number[]; total: number }>(
            url("/ui/log/search", { ...base, [kind]: value }),
          )),
        };
      } catch (problem) {
        return failed(problem);
      }
      setFound(hits);
    }
    if (hits.hits.length === 0) {
      setAt(-1);
      if (kind === "level") toast("No error in this log");
      return;
    }
    const n = hits === found ? (at + by + hits.hits.length) % hits.hits.length : by > 0 ? 0 : hits.hits.length - 1;
    setAt(n);
    await onJump(hits.hits[n]!);
  };
  useKeys({
    e: () => look("level", "error", 1),
    E: () => look("level", "error", -1),
    "mod+f": () => field.current?.focus(),
    w: () => (wrap.value = !wrap.value),
  });
  const segments = shown.segments.filter((s) => s.try === (attempt || shown.segment?.try));
  const raw = url("/ui/log/raw", base);
  return (
    <div class="log-bar">
      <form
        class="search"
        role="search"
        onSubmit={(e) => {
          e.preventDefault();
          if (text) void look("text", text, 1);
        }}
      >
        <Icon name="search" size={15} />
        <label class="sr" for="log-search">
          Search the whole log
        </label>
        <input
          id="log-search"
          ref={field}
          type="search"
          placeholder="Search the whole log"
          value={text}
          onInput={(e) => {
            setText(e.currentTarget.value);
            setFound(null);
          }}
          onKeyDown={(e) => {
            if (e.key === "Enter" && e.shiftKey && text) {
              e.preventDefault();
              void look("text", text, -1);
            }
          }}
        />
      </form>
      <span class="small muted num" role="status">
        {found && (found.total ? `${at + 1} of ${found.total}` : "not found")}
      </span>
      <button onClick={() => look("level", "error", 1)} title="Next error (e)">
        <Icon name="errors" size={14} /> Next error
      </button>
      <div class="segments" role="group" aria-label="Levels">
        {LEVELS.map((level) => (
          <button
            key={level}
            aria-pressed={!hidden.value.includes(level)}
            onClick={() =>
              (hidden.value = hidden.value.includes(level)
                ? hidden.value.filter((l) => l !== level)
                : [...hidden.value, level])
            }
          >
            {level}
          </button>
        ))}
      </div>
      {segments.length > 1 && (
        <label class="inline">
          <span class="muted">Attempt</span>
          <select value={fence || shown.segment?.fence} onChange={(e) => onFence(Number(e.currentTarget.value))}>
            {segments.map((s) => (
              <option key={s.fence} value={s.fence}>
                {s.fence} · {size(s.size)}
              </option>
            ))}
          </select>
        </label>
      )}
      <span class="spring" />
      <button class="quiet square" aria-pressed={times.value} aria-label="Show times" title="Times" onClick={() => (times.value = !times.value)}>
        <Icon name="clock" />
      </button>
      <button class="quiet square" aria-pressed={wrap.value} aria-label="Wrap lines" title="Wrap (w)" onClick={() => (wrap.value = !wrap.value)}>
        <Icon name="wrap" />
      </button>
      <button
        class="quiet square"
        aria-label="Copy the lines shown"
        title="Copy the lines shown"
        onClick={() =>
          navigator.clipboard
            .writeText(shown.lines.map((l) => `${l[1] ?? ""} ${l[2] ?? ""} ${l[4]}`).join("\n"))
            .then(() => toast("Copied"), failed)
        }
      >
        <Icon name="copy" />
      </button>
      <a class="button quiet square" href={raw} download={`${place.task}.jsonl`} aria-label="Download" title="Download the whole log">
        <Icon name="download" />
      </a>
    </div>
  );
}

function Line({ line }: { line: LogLine }) {
  const [offset, ts, level, source, text, rest] = line;
  const at = ts ? Date.parse(ts) / 1000 : null;
  const kind = level === "critical" ? "error" : (level ?? "info");
  return (
    <div class={`line l-${kind}${source === "tradewind" ? " ours" : ""}`} data-at={offset}>
      {at !== null && !Number.isNaN(at) ? (
        <button
          class="line-time"
          tabIndex={-1}
          title={`${stamp(at, true, zone.value)} – link to this line`}
          onClick={() => setQuery({ at: String(offset) })}
        >
          {short(at)}
        </button>
      ) : (
        <span class="line-time" />
      )}
      <span class="line-level">{kind === "info" ? "" : kind}</span>
      <span class="line-text">
        {ansi(text)}
        {rest && <Rest rest={rest} />}
      </span>
    </div>
  );
}

function Rest({ rest }: { rest: Record<string, unknown> }) {
  const entries = Object.entries(rest);
  return (
    <span class="line-rest">
      {entries.map(([name, value]) => (
        <span key={name}>
          {" "}
          {name}=<span>{typeof value === "string" ? value : JSON.stringify(value)}</span>
        </span>
      ))}
    </span>
  );
}

function mark(box: HTMLElement | null, offset: number): void {
  const line = box?.querySelector<HTMLElement>(`[data-at="${offset}"]`);
  box?.querySelector(".found")?.classList.remove("found");
  line?.classList.add("found");
  line?.scrollIntoView({ block: "center" });
}

const formats = new Map<string, Intl.DateTimeFormat>();
function short(seconds: number): string {
  let f = formats.get(zone.value);
  if (!f) {
    f = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone.value,
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      fractionalSecondDigits: 3,
      hourCycle: "h23",
    });
    formats.set(zone.value, f);
  }
  return f.format(seconds * 1000);
}

export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(0)} kB`;
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
