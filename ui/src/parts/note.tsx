// A note of a run or a task: what people tell each other about it, shown and written in place.
import { useState } from "preact/hooks";
import { may, patch } from "../core/api";
import { Fields } from "./crud";
import { Dialog } from "./dialog";
import { Icon } from "./icon";
import { Prose } from "./prose";

/** As many characters as the server takes. */
const LONGEST = 1_000;

export function Note({ note, path, onDone }: { note: string | null; path: string; onDone: () => void }) {
  if (!note) return null;
  return (
    <section class="card note" aria-label="Note">
      <Prose text={note} />
      {may("user") && <EditNote note={note} path={path} onDone={onDone} />}
    </section>
  );
}

/** Write a note, or change the one that is there. */
export function EditNote({ note, path, onDone }: { note: string | null; path: string; onDone: () => void }) {
  const [open, setOpen] = useState(false);
  const title = note ? "Change the note" : "Add a note";
  return (
    <>
      <button
        class={note ? "quiet square" : ""}
        aria-haspopup="dialog"
        aria-label={title}
        title={title}
        onClick={() => setOpen(true)}
      >
        <Icon name="edit" size={14} /> {!note && "Note"}
      </button>
      {open && (
        <Dialog title={title} onClose={() => setOpen(false)}>
          <Fields
            done={() => {
              setOpen(false);
              onDone();
            }}
            save={(f) => patch(path, { note: f["note"]?.trim() || null })}
          >
            <label>
              Note
              <textarea name="note" rows={6} maxLength={LONGEST} defaultValue={note ?? ""} autofocus />
              <small>Markdown; empty removes it</small>
            </label>
          </Fields>
        </Dialog>
      )}
    </>
  );
}
