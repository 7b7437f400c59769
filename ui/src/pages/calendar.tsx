// The calendar: each day of the reader's zone, by how its runs went.
import { url } from "../core/api";
import { useQuery } from "../core/query";
import { label } from "../core/states";
import { day, now, stamp, zone, zoneName } from "../core/time";
import { Loaded, runLink } from "../parts/page";
import { StateIcon } from "../parts/state";
import { useMemo, useState } from "preact/hooks";

interface Data {
  since: number;
  next: number | null;
  runs: [number, string, string][];
}

const NAMES = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

export function CalendarView({ dag }: { dag: string }) {
  const data = useQuery<Data>(url("/ui/calendar", { dag, days: 182 }));
  return <Loaded query={data}>{(found) => <Year dag={dag} data={found} />}</Loaded>;
}

interface Day {
  date: string;
  runs: Data["runs"];
  planned: boolean;
}

function Year({ dag, data }: { dag: string; data: Data }) {
  const [chosen, setChosen] = useState<string | null>(null);
  const timeZone = zone.value;
  const weeks = useMemo(() => {
    const byDay = new Map<string, Data["runs"]>();
    for (const run of data.runs) {
      const key = day(run[0], timeZone);
      const all = byDay.get(key);
      if (all) all.push(run);
      else byDay.set(key, [run]);
    }
    const next = data.next ? day(data.next, timeZone) : null;
    const last = [day(now.peek(), timeZone), next ?? ""].sort().pop()!;
    // Dates, not times: counted in UTC, where every day has 24 hours.
    const first = new Date(`${day(data.since, timeZone)}T00:00:00Z`);
    first.setUTCDate(first.getUTCDate() - ((first.getUTCDay() + 6) % 7));
    const found: Day[][] = [];
    for (let week: Day[] = []; ; ) {
      const date = first.toISOString().slice(0, 10);
      if (date > last && week.length === 0) break;
      week.push({ date, runs: byDay.get(date) ?? [], planned: date === next });
      first.setUTCDate(first.getUTCDate() + 1);
      if (week.length === 7) {
        found.push(week);
        week = [];
      }
    }
    return found;
  }, [data, timeZone]);
  const today = day(now.value, timeZone);
  const most = Math.max(1, ...weeks.flat().map((d) => d.runs.length));
  const shown = chosen ? weeks.flat().find((d) => d.date === chosen) : undefined;
  return (
    <div class="stack">
      <section class="card">
        <h2>
          The last half year <span class="muted small">days of {zoneName(now.value, timeZone)}</span>
        </h2>
        <div class="calendar" tabIndex={0} role="region" aria-label="Calendar">
          <div class="calendar-names" aria-hidden="true">
            <span />
            {NAMES.map((n) => (
              <span key={n} class="muted small">
                {n}
              </span>
            ))}
          </div>
          {weeks.map((week) => (
            <div class="week" key={week[0]!.date}>
              <span class="muted small month" aria-hidden="true">
                {month(week)}
              </span>
              {week.map((d) =>
                d.date > today && !d.planned ? (
                  <span key={d.date} class="day none" />
                ) : (
                  <DayCell key={d.date} day={d} most={most} on={d.date === chosen} onClick={() => setChosen(d.date === chosen ? null : d.date)} />
                ),
              )}
            </div>
          ))}
        </div>
        <p class="muted small legend-line">
          <span class="day sample all-good" /> all succeeded
          <span class="day sample some-bad" /> some failed
          <span class="day sample all-bad" /> all failed
          <span class="day sample planned" /> planned
        </p>
      </section>
      {shown && (
        <section class="card">
          <h2>{shown.date}</h2>
          {shown.runs.length === 0 && <p class="muted">No run.</p>}
          <ul class="rows">
            {shown.runs.slice(0, 200).map(([at, state, id]) => (
              <li key={id}>
                <StateIcon state={state} />
                <span class="sr">{label(state)}</span>
                <a class="num" href={runLink(dag, id)}>
                  {stamp(at, false, timeZone)}
                </a>
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

function DayCell({ day: d, most, on, onClick }: { day: Day; most: number; on: boolean; onClick: () => void }) {
  const bad = d.runs.filter((r) => r[1] === "failed").length;
  const kind =
    d.runs.length === 0 ? (d.planned ? "planned" : "empty-day") : bad === 0 ? "all-good" : bad === d.runs.length ? "all-bad" : "some-bad";
  const words = d.runs.length
    ? `${d.runs.length} run${d.runs.length === 1 ? "" : "s"}${bad ? `, ${bad} failed` : ""}`
    : d.planned
      ? "planned"
      : "no run";
  return (
    <button
      class={`day ${kind}`}
      style={{ "--full": `${45 + (55 * d.runs.length) / most}%` }}
      aria-pressed={on}
      aria-label={`${d.date}: ${words}`}
      title={`${d.date}: ${words}`}
      onClick={onClick}
    >
      {bad > 0 ? "×" : ""}
    </button>
  );
}

function month(week: Day[]): string {
  const first = week.find((d) => d.date.endsWith("-01"));
  if (!first) return "";
  return new Intl.DateTimeFormat("en-GB", { month: "short", timeZone: "UTC" }).format(new Date(`${first.date}T00:00:00Z`));
}
