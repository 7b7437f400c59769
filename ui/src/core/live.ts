// The one stream of changes: opened while a page listens and the tab is seen.
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { known, url } from "./api";

/** [dag, run, task or null for the run itself, map index, state, try, time] */
export type Change = [string, string, string | null, number | null, string, number | null, number];

export interface Hearer {
  changes: (events: Change[]) => void;
  /** Something was missed: read again. */
  reload: () => void;
}

export const connected = signal<boolean | null>(null);

const hearers = new Set<Hearer>();
let source: EventSource | null = null;
let seen = "";

function open(): void {
  if (source || hearers.size === 0 || document.hidden) return;
  // What came to be since the pages' answers were read, or since the stream was left, is told first.
  source = new EventSource(url("/ui/stream", { after: seen || known.seq }));
  source.onopen = () => (connected.value = true);
  source.onerror = () => (connected.value = false);
  source.addEventListener("hello", (event) => {
    // After an absence the stream starts anew: whatever happened meanwhile is read again.
    const read = seen || known.seq;
    if (read !== null && Number(read) < Number(event.lastEventId)) for (const h of hearers) h.reload();
    seen = event.lastEventId;
  });
  source.addEventListener("reload", (event) => {
    seen = event.lastEventId;
    for (const h of hearers) h.reload();
  });
  source.onmessage = (event: MessageEvent<string>) => {
    seen = event.lastEventId;
    const { events } = JSON.parse(event.data) as { events: Change[] };
    if (events.length) for (const h of hearers) h.changes(events);
  };
}

function close(): void {
  source?.close();
  source = null;
}

document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));

/** Hear changes while a component is shown. */
export function useLive(hearer: Hearer): void {
  const latest = useRef(hearer);
  latest.current = hearer;
  useEffect(() => {
    const own: Hearer = {
      changes: (events) => latest.current.changes(events),
      reload: () => latest.current.reload(),
    };
    hearers.add(own);
    open();
    return () => {
      hearers.delete(own);
      // The next page may listen too: hang up only if it does not.
      setTimeout(() => hearers.size === 0 && close(), 1000);
    };
  }, []);
}

/** Run a reload when something changes that `concerns` says, at most every `pause` ms. */
export function useReloadOn(
  concerns: (change: Change) => boolean,
  reload: () => void,
  pause = 500,
): void {
  const timer = useRef<number | null>(null);
  const latest = useRef(reload);
  latest.current = reload;
  const soon = (): void => {
    timer.current ??= window.setTimeout(() => {
      timer.current = null;
      latest.current();
    }, pause);
  };
  useEffect(() => () => void (timer.current !== null && clearTimeout(timer.current)), []);
  useLive({ changes: (events) => events.some(concerns) && soon(), reload: soon });
}
