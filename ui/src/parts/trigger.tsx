// Trigger a run: a click where there are no params, the form (loaded when asked for) else.
import type { ComponentType } from "preact";
import { useState } from "preact/hooks";
import { Icon } from "./icon";

type Form = ComponentType<{ dag: string; onClose: () => void; onDone?: ((run: string) => void) | undefined }>;

export function TriggerButton({
  dag,
  label = "Trigger",
  icon = false,
  onDone,
}: {
  dag: string;
  label?: string;
  icon?: boolean;
  onDone?: (run: string) => void;
}) {
  const [form, setForm] = useState<{ Form: Form } | null>(null);
  const open = async (): Promise<void> => {
    const { TriggerForm } = await import("./trigger-form");
    setForm({ Form: TriggerForm });
  };
  return (
    <>
      <button
        class={icon ? "quiet square" : "primary"}
        aria-label={icon ? label : undefined}
        title={icon ? label : undefined}
        aria-haspopup="dialog"
        onClick={open}
      >
        <Icon name="play" size={icon ? 15 : 14} />
        {!icon && label}
      </button>
      {form && <form.Form dag={dag} onClose={() => setForm(null)} onDone={onDone} />}
    </>
  );
}
