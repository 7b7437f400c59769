// What a reader likes: kept in this browser.
import { effect, signal, type Signal } from "@preact/signals";

export function pref<T>(name: string, initial: T): Signal<T> {
  let value = initial;
  try {
    const stored = localStorage.getItem(`tradewind.${name}`);
    if (stored !== null) value = JSON.parse(stored) as T;
  } catch {
    // Unreadable: as if nothing were kept.
  }
  const kept = signal(value);
  effect(() => {
    const text = JSON.stringify(kept.value);
    try {
      localStorage.setItem(`tradewind.${name}`, text);
    } catch {
      // Full or forbidden: for this page only.
    }
  });
  return kept;
}

export type Theme = "system" | "light" | "dark";

function storedTheme(): Theme {
  const set = document.documentElement.dataset["theme"];
  return set === "dark" || set === "light" ? set : "system";
}

export const theme = signal<Theme>(storedTheme());

export function setTheme(next: Theme): void {
  theme.value = next;
  if (next === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = next;
  try {
    localStorage.setItem("tradewind.theme", next);
  } catch {
    // For this page only.
  }
}

const darkSystem = matchMedia("(prefers-color-scheme: dark)");
export const systemDark = signal(darkSystem.matches);
darkSystem.addEventListener("change", () => (systemDark.value = darkSystem.matches));

export const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)").matches;
