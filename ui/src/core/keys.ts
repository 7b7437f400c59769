// Keyboard shortcuts: single keys and pairs ("g d"), never while somebody types.
import { useEffect, useRef } from "preact/hooks";
import { pref } from "./prefs";

/** Single-key shortcuts can be turned off (WCAG 2.1.4). */
export const shortcuts = pref("shortcuts", true);

type Bindings = Record<string, (event: KeyboardEvent) => unknown>;

let first: { key: string; at: number } | null = null;

export function useKeys(bindings: Bindings): void {
  const latest = useRef(bindings);
  latest.current = bindings;
  useEffect(() => {
    const hear = (event: KeyboardEvent): void => {
      const name = named(event);
      if (!name || event.defaultPrevented) return;
      const mod = name.startsWith("mod+");
      if (!mod && (!shortcuts.peek() || typing(event.target) || document.querySelector("dialog[open]")))
        return;
      const pair = first && event.timeStamp - first.at < 900 ? `${first.key} ${name}` : null;
      const found = (pair && latest.current[pair]) || latest.current[name];
      if (!found) return;
      event.preventDefault();
      found(event);
    };
    document.addEventListener("keydown", hear);
    return () => document.removeEventListener("keydown", hear);
  }, []);
}

// After everybody heard it, a key may be the first of a pair.
addEventListener("keydown", (event) => {
  const name = named(event);
  first = name && !event.defaultPrevented ? { key: name, at: event.timeStamp } : null;
});

function named(event: KeyboardEvent): string | null {
  if (event.altKey || event.isComposing) return null;
  if (event.ctrlKey || event.metaKey) return `mod+${event.key.toLowerCase()}`;
  return event.key;
}

function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}
