// The states: how each is named, coloured and drawn. Never by colour alone: every state has a
// glyph of its own, and those that want attention are filled and dark, the calm ones are not.

export interface State {
  label: string;
  /** Its letter in the grid's packed columns. */
  letter: string;
  /** In plain words, for hints. */
  hint: string;
}

export const STATES: Record<string, State> = {
  success: { label: "Success", letter: "s", hint: "done" },
  failed: { label: "Failed", letter: "f", hint: "out of retries" },
  running: { label: "Running", letter: "r", hint: "executing now" },
  queued: { label: "Queued", letter: "q", hint: "handed over, no worker has taken it yet" },
  scheduled: { label: "Scheduled", letter: "c", hint: "ready, waits for a slot" },
  up_for_retry: { label: "Up for retry", letter: "y", hint: "failed, tries again soon" },
  up_for_reschedule: { label: "Rescheduled", letter: "e", hint: "looks again later" },
  deferred: { label: "Deferred", letter: "d", hint: "waits for its trigger, holds no worker" },
  skipped: { label: "Skipped", letter: "k", hint: "not wanted this time" },
  upstream_failed: { label: "Upstream failed", letter: "u", hint: "something before it failed" },
  removed: { label: "Removed", letter: "x", hint: "the DAG no longer has it" },
  restarting: { label: "Restarting", letter: "g", hint: "stopped, to run again" },
  awaiting_input: { label: "Awaiting input", letter: "a", hint: "a person must answer" },
  none: { label: "No status", letter: ".", hint: "waits for what comes before it" },
};

export const BY_LETTER: Record<string, string> = Object.fromEntries(
  Object.entries(STATES).map(([name, state]) => [state.letter, name]),
);

export function label(state: string): string {
  return STATES[state]?.label ?? state;
}

export const LIVE = new Set([
  "running",
  "queued",
  "scheduled",
  "up_for_retry",
  "up_for_reschedule",
  "deferred",
  "restarting",
  "awaiting_input",
]);

/** Which state a group of tasks shows: the one that most wants attention. */
const WORST = [
  "failed",
  "upstream_failed",
  "awaiting_input",
  "running",
  "restarting",
  "up_for_retry",
  "up_for_reschedule",
  "deferred",
  "queued",
  "scheduled",
  "none",
  "success",
  "skipped",
  "removed",
];

export function worst(states: Iterable<string>): string | null {
  const all = new Set(states);
  return WORST.find((s) => all.has(s)) ?? null;
}

/** The glyph of a state as SVG path data in a box of 16 by 16; drawn as strokes. */
export const GLYPHS: Record<string, string> = {
  success: "M4.5 8.4l2.4 2.4 4.6-5",
  failed: "M5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6",
  running: "M6.4 5v6l4.6-3z",
  queued: "M5 6h6M5 8h6M5 10h6",
  scheduled: "M8 4.8V8l2.2 1.6",
  up_for_retry: "M11 6.4A3.4 3.4 0 1 0 11.4 9M11.4 4.6v2.2H9.2",
  up_for_reschedule: "M5 8a3 3 0 1 0 1-2.2M5 4.6v2h2",
  deferred: "M6.3 5.2v5.6M9.7 5.2v5.6",
  skipped: "M5 5l3 3-3 3M8.6 5l3 3-3 3",
  upstream_failed: "M8 11.4V5M5.4 7.4L8 4.8l2.6 2.6",
  removed: "M5 8h6",
  restarting: "M11 6.4A3.4 3.4 0 1 0 11.4 9M11.4 4.6v2.2H9.2",
  awaiting_input: "M6.2 6.4a1.9 1.9 0 1 1 2.7 1.8c-.6.3-.9.6-.9 1.2M8 11.3v.1",
  none: "",
};

/** States that are drawn as an outline: nothing of theirs has run. */
export const HOLLOW = new Set(["none", "queued", "scheduled", "skipped", "upstream_failed", "removed"]);
