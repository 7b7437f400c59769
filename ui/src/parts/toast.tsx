// Short words about what was just done, in a live region.
import { signal } from "@preact/signals";
import { Icon } from "./icon";

interface Toast {
  id: number;
  text: string;
  kind: "good" | "bad";
}

const toasts = signal<Toast[]>([]);
let count = 0;

export function toast(text: string, kind: "good" | "bad" = "good"): void {
  const id = ++count;
  toasts.value = [...toasts.value.slice(-3), { id, text, kind }];
  setTimeout(() => dismiss(id), kind === "good" ? 4000 : 12000);
}

export function failed(error: unknown): void {
  toast(error instanceof Error ? error.message : String(error), "bad");
}

function dismiss(id: number): void {
  toasts.value = toasts.value.filter((t) => t.id !== id);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((t) => (
        <div key={t.id} class={`toast ${t.kind}`}>
          <Icon name={t.kind === "good" ? "check" : "errors"} />
          <span>{t.text}</span>
          <button class="quiet square" aria-label="Dismiss" onClick={() => dismiss(t.id)}>
            <Icon name="x" size={14} />
          </button>
        </div>
      ))}
    </div>
  );
}
