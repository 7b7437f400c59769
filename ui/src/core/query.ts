// Data of a page: the last answer is shown at once while a fresh one is fetched.
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, get } from "./api";

const kept = new Map<string, unknown>();
const KEPT = 60;

export interface Query<T> {
  data: T | undefined;
  error: ApiError | null;
  /** True until the first answer for this address. */
  loading: boolean;
  reload: () => void;
  /** Change what is shown at once, before the server says so. */
  mutate: (change: (data: T) => T) => void;
}

export function useQuery<T>(to: string | null, options: { every?: number } = {}): Query<T> {
  const [, redraw] = useState(0);
  const state = useRef<{ to: string | null; data: T | undefined; error: ApiError | null }>({
    to: null,
    data: undefined,
    error: null,
  });
  const asked = useRef(0);
  if (state.current.to !== to) {
    state.current = { to, data: to ? (kept.get(to) as T | undefined) : undefined, error: null };
  }
  const load = (): void => {
    if (!to) return;
    const ticket = ++asked.current;
    get<T>(to).then(
      (data) => {
        if (ticket !== asked.current) return;
        keep(to, data);
        state.current = { to, data, error: null };
        redraw((n) => n + 1);
      },
      (error: unknown) => {
        if (ticket !== asked.current) return;
        state.current = { ...state.current, error: error as ApiError };
        redraw((n) => n + 1);
      },
    );
  };
  useEffect(() => {
    load();
    if (!options.every) return () => void asked.current++;
    const timer = setInterval(() => {
      if (!document.hidden) load();
    }, options.every);
    return () => {
      asked.current++;
      clearInterval(timer);
    };
  }, [to, options.every]);
  return {
    data: state.current.data,
    error: state.current.error,
    loading: state.current.data === undefined && state.current.error === null,
    reload: load,
    mutate: (change) => {
      if (state.current.data === undefined) return;
      state.current.data = change(state.current.data);
      if (to) keep(to, state.current.data);
      redraw((n) => n + 1);
    },
  };
}

function keep(to: string, data: unknown): void {
  kept.delete(to);
  kept.set(to, data);
  const first = kept.keys().next().value;
  if (kept.size > KEPT && first !== undefined) kept.delete(first);
}
