// Times as people read them: in the chosen zone, and never without its name.
import { signal } from "@preact/signals";

export const localZone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

const stored = read("tradewind.zone");
/** The zone that times are shown in. */
export const zone = signal(stored && valid(stored) ? stored : localZone);

/** Now, in Unix seconds, moved on every second while a page is seen. */
export const now = signal(Date.now() / 1000);
setInterval(() => {
  if (!document.hidden) now.value = Date.now() / 1000;
}, 1000);

export function setZone(name: string): void {
  zone.value = name;
  try {
    localStorage.setItem("tradewind.zone", name);
  } catch {
    // No storage: for this page only.
  }
}

const formats = new Map<string, Intl.DateTimeFormat>();
function format(timeZone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = timeZone + JSON.stringify(options);
  let found = formats.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat("en-GB", { timeZone, ...options });
    formats.set(key, found);
  }
  return found;
}

/** "CET", "UTC", "GMT+5:30": the zone's short name at a time. */
export function zoneName(seconds: number, timeZone = zone.value): string {
  if (timeZone === "UTC") return "UTC";
  const parts = format(timeZone, { timeZoneName: "short" }).formatToParts(seconds * 1000);
  return parts.find((p) => p.type === "timeZoneName")?.value ?? timeZone;
}

/** The day in a zone as "2026-03-18": for comparing and for grouping. */
export function day(seconds: number, timeZone = zone.value): string {
  const parts = format(timeZone, { year: "numeric", month: "2-digit", day: "2-digit" })
    .formatToParts(seconds * 1000)
    .reduce<Record<string, string>>((all, p) => ({ ...all, [p.type]: p.value }), {});
  return `${parts["year"]}-${parts["month"]}-${parts["day"]}`;
}

const CLOCK: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

export function clock(seconds: number, precise = false, timeZone = zone.value): string {
  return format(timeZone, precise ? { ...CLOCK, second: "2-digit" } : CLOCK).format(seconds * 1000);
}

/** "09:42 CET" today, "18 Mar 09:42 CET" this year, with the year else. */
export function stamp(seconds: number, precise = false, timeZone = zone.value): string {
  const then = day(seconds, timeZone);
  const today = day(now.peek(), timeZone);
  const time = `${clock(seconds, precise, timeZone)} ${zoneName(seconds, timeZone)}`;
  if (then === today) return time;
  const options: Intl.DateTimeFormatOptions = { day: "numeric", month: "short" };
  if (then.slice(0, 4) !== today.slice(0, 4)) options.year = "numeric";
  return `${format(timeZone, options).format(seconds * 1000)} ${time}`;
}

export function iso(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}

/** "3 min ago", "in 2 h". */
export function relative(seconds: number, at = now.value): string {
  const gap = seconds - at;
  const text = span(Math.abs(gap));
  if (Math.abs(gap) < 1) return "now";
  return gap < 0 ? `${text} ago` : `in ${text}`;
}

/** "0.4 s", "12 s", "3 min 5 s", "2 h 4 min", "3 d 4 h". */
export function span(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const [d, h, m, s] = [
    Math.floor(whole / 86400),
    Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60,
    whole % 60,
  ];
  if (d) return h ? `${d} d ${h} h` : `${d} d`;
  if (h) return m ? `${h} h ${m} min` : `${h} h`;
  return s && m < 10 ? `${m} min ${s} s` : `${m} min`;
}

/** The Unix seconds of "2026-03-18T09:42" on a clock in a zone. */
export function fromClock(text: string, timeZone = zone.value): number {
  const asUtc = Date.parse(`${text}Z`) / 1000;
  // The offset depends on the time itself: twice is enough, also around a change of clocks.
  let found = asUtc - offset(asUtc, timeZone);
  found = asUtc - offset(found, timeZone);
  return found;
}

/** "2026-03-18T09:42" on a clock in a zone, for <input type="datetime-local">. */
export function toClock(seconds: number, timeZone = zone.value): string {
  return `${day(seconds, timeZone)}T${clock(seconds, false, timeZone)}`;
}

function offset(seconds: number, timeZone: string): number {
  const shown = `${day(seconds, timeZone)}T${clock(seconds, true, timeZone)}Z`;
  return Date.parse(shown) / 1000 - Math.floor(seconds);
}

function valid(timeZone: string): boolean {
  try {
    new Intl.DateTimeFormat("en-GB", { timeZone });
    return true;
  } catch {
    return false;
  }
}

function read(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}
