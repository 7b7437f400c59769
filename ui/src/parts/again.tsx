// "Again with this configuration": the trigger form, filled from an earlier run.
import { useState } from "preact/hooks";
import { Icon } from "./icon";
import { TriggerForm } from "./trigger-form";

export function TriggerAgain({ dag, conf }: { dag: string; conf: Record<string, unknown> }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button aria-haspopup="dialog" onClick={() => setOpen(true)}>
        <Icon name="play" size={14} /> Run again
      </button>
      {open && <TriggerForm dag={dag} conf={conf} onClose={() => setOpen(false)} />}
    </>
  );
}
