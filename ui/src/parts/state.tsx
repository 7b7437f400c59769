// How a state is shown: a glyph in a shape, with its name.
import { GLYPHS, HOLLOW, STATES, label } from "../core/states";

export function StateIcon({ state, size = 16 }: { state: string; size?: number }) {
  const hollow = HOLLOW.has(state);
  return (
    <svg
      class={`state-icon s-${state}${hollow ? " hollow" : ""}`}
      width={size}
      height={size}
      viewBox="0 0 16 16"
      aria-hidden="true"
    >
      {state === "failed" ? (
        <path class="shape" d="M5 1h6l4 4v6l-4 4H5l-4-4V5z" />
      ) : state === "upstream_failed" ? (
        <path class="shape" d="M5.2 1.6h5.6l3.6 3.6v5.6l-3.6 3.6H5.2l-3.6-3.6V5.2z" />
      ) : (
        <circle class="shape" cx="8" cy="8" r={hollow ? 6.4 : 7} />
      )}
      <path class="glyph" d={GLYPHS[state] ?? ""} />
    </svg>
  );
}

export function StateTag({ state, text }: { state: string; text?: string | undefined }) {
  return (
    <span class={`state-tag s-${state}`} title={STATES[state]?.hint}>
      <StateIcon state={state} />
      <span>{text ?? label(state)}</span>
    </span>
  );
}

/** A small count of a state: "3 failed". */
export function StateCount({ state, count }: { state: string; count: number }) {
  return (
    <span class={`state-tag s-${state}`} title={`${count} ${label(state).toLowerCase()}`}>
      <StateIcon state={state} size={14} />
      <span class="num">{count}</span>
      <span class="sr">{label(state)}</span>
    </span>
  );
}
