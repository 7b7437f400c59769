// The star of a DAG: whoever gives it finds the DAG first.
import { useState } from "preact/hooks";
import { post } from "../core/api";
import { Icon } from "./icon";
import { failed } from "./toast";

export function Favorite({ dag, on }: { dag: string; on: boolean }) {
  const [shown, setShown] = useState<{ was: boolean; now: boolean }>({ was: on, now: on });
  // A fresh answer of the server counts, a click counts until there is one.
  const now = shown.was === on ? shown.now : on;
  const flip = async (): Promise<void> => {
    setShown({ was: on, now: !now });
    try {
      await post(`/api/v2/dags/${encodeURIComponent(dag)}/${now ? "unfavorite" : "favorite"}`);
    } catch (problem) {
      setShown({ was: on, now });
      failed(problem);
    }
  };
  return (
    <button
      class={`quiet square favorite${now ? " on" : ""}`}
      aria-pressed={now}
      aria-label={`${dag} is a favorite`}
      title={now ? "A favorite" : "Make it a favorite"}
      onClick={flip}
    >
      <Icon name="star" size={15} />
    </button>
  );
}
