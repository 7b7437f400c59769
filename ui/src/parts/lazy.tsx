// A component whose code is fetched when it is shown first.
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

export function lazily<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let found: ComponentType<P> | null = null;
  return function Lazily(props: P) {
    const [state, setState] = useState<"wait" | "there" | "lost">(found ? "there" : "wait");
    useEffect(() => {
      if (found) return;
      load().then(
        (component) => {
          found = component;
          setState("there");
        },
        () => setState("lost"),
      );
    }, []);
    if (found) {
      const Found = found;
      return <Found {...props} />;
    }
    if (state === "lost") return <p class="banner bad">This part could not be loaded. Reload the page.</p>;
    return <div class="skeleton" role="status" aria-label="Loading" />;
  };
}
