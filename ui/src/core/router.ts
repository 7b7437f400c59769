// Where we are, as signals: the path and the query. Links are plain <a>; clicks on ours do not
// load a page.
import { computed, signal } from "@preact/signals";

const here = signal(location.pathname + location.search);

export const path = computed(() => here.value.split("?")[0] ?? "/");
export const query = computed(() => new URLSearchParams(here.value.split("?")[1] ?? ""));

export function go(to: string, options: { replace?: boolean; scroll?: boolean } = {}): void {
  if (to === here.peek()) return;
  const moved = to.split("?")[0] !== path.peek();
  history[options.replace ? "replaceState" : "pushState"](null, "", to);
  here.value = to;
  if (moved && options.scroll !== false) window.scrollTo(0, 0);
}

/** Change some values of the query; null removes one. Filters live in the address. */
export function setQuery(changes: Record<string, string | null>, replace = true): void {
  const next = new URLSearchParams(query.peek());
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") next.delete(name);
    else next.set(name, value);
  }
  const text = next.toString();
  go(path.peek() + (text ? `?${text}` : ""), { replace });
}

/** Build a path of segments, each encoded. */
export function to(...segments: (string | number)[]): string {
  return "/" + segments.map((s) => encodeURIComponent(s)).join("/");
}

/** Match a pattern like "/dags/:dag/:tab"; null when it does not fit. */
export function match(pattern: string, at: string): Record<string, string> | null {
  const want = pattern.split("/");
  const have = at.replace(/\/$/, "").split("/");
  if (want.length !== have.length) return null;
  const found: Record<string, string> = {};
  for (let i = 0; i < want.length; i++) {
    const w = want[i]!;
    const h = have[i]!;
    if (w.startsWith(":")) {
      try {
        found[w.slice(1)] = decodeURIComponent(h);
      } catch {
        return null;
      }
    } else if (w !== h) return null;
  }
  return found;
}

addEventListener("popstate", () => {
  here.value = location.pathname + location.search;
});

document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element).closest?.("a[href]");
  if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download")) return;
  if (link.origin !== location.origin || link.pathname.startsWith("/ui/")) return;
  if (/^\/(api|auth|docs)(\/|$)/.test(link.pathname)) return;
  event.preventDefault();
  go(link.pathname + link.search);
});
