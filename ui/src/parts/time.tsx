// Times and durations; each time says its zone, and in its hint the same in UTC.
import { iso, now, relative, span, stamp, zone } from "../core/time";

export function Time({ at, precise = false }: { at: number | null | undefined; precise?: boolean }) {
  if (at === null || at === undefined) return <span class="faint">–</span>;
  return (
    <time dateTime={iso(at)} title={`${iso(at)} · ${relative(at, now.peek())}`} class="num nowrap">
      {stamp(at, precise, zone.value)}
    </time>
  );
}

/** "3 min ago", with the time itself in the hint. */
export function Ago({ at }: { at: number | null | undefined }) {
  if (at === null || at === undefined) return <span class="faint">–</span>;
  return (
    <time dateTime={iso(at)} title={`${stamp(at, true, zone.value)} · ${iso(at)}`} class="nowrap">
      {relative(at)}
    </time>
  );
}

/** How long something took, or has taken so far. */
export function Took({
  start,
  end,
  live = false,
}: {
  start: number | null | undefined;
  end: number | null | undefined;
  live?: boolean;
}) {
  if (!start || (!end && !live)) return <span class="faint">–</span>;
  return <span class="num nowrap">{span(Math.max(0, (end ?? now.value) - start))}</span>;
}
