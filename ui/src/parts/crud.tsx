// A list of named things that can be added, changed and deleted: the frame that pools, variables,
// connections and users share.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { del } from "../core/api";
import type { Query } from "../core/query";

type Answer = Pick<Query<unknown>, "data" | "error" | "loading" | "reload">;
import { Dialog } from "./dialog";
import { Icon } from "./icon";
import { Empty, Loaded, PageHead, useTitle } from "./page";
import { failed, toast } from "./toast";

export interface Column<T> {
  title: string;
  cell: (item: T) => ComponentChildren;
  hide?: boolean;
}

export function Crud<T>({
  title,
  one,
  lead,
  query,
  items,
  name,
  columns,
  path,
  mayChange,
  form,
  fixed = () => false,
  loss = `What uses this ${one} fails from then on.`,
}: {
  title: string;
  one: string;
  lead: string;
  query: Answer;
  items: T[] | undefined;
  name: (item: T) => string;
  columns: Column<T>[];
  path: (name: string) => string;
  mayChange: boolean;
  form: (item: T | null, done: () => void) => ComponentChildren;
  /** Things that cannot be deleted. */
  fixed?: (item: T) => boolean;
  /** What deleting one brings about. */
  loss?: string;
}) {
  useTitle(title);
  const [edited, setEdited] = useState<{ item: T | null } | null>(null);
  const [gone, setGone] = useState<T | null>(null);
  const [find, setFind] = useState("");
  const done = (): void => {
    setEdited(null);
    query.reload();
  };
  const remove = async (item: T): Promise<void> => {
    try {
      await del(path(name(item)));
      toast(`${name(item)} is deleted`);
      query.reload();
    } catch (problem) {
      failed(problem);
    }
    setGone(null);
  };
  const shown = (items ?? []).filter((i) => name(i).toLowerCase().includes(find.toLowerCase()));
  return (
    <>
      <PageHead
        title={title}
        lead={lead}
        actions={
          mayChange && (
            <button class="primary" aria-haspopup="dialog" onClick={() => setEdited({ item: null })}>
              <Icon name="plus" size={14} /> Add a {one}
            </button>
          )
        }
      />
      {(items?.length ?? 0) > 8 && (
        <div class="toolbar">
          <label class="search">
            <Icon name="search" size={15} />
            <span class="sr">Find</span>
            <input type="search" placeholder="Find" value={find} onInput={(e) => setFind(e.currentTarget.value)} />
          </label>
        </div>
      )}
      <Loaded query={query}>
        {() =>
          shown.length === 0 ? (
            <Empty title={find ? "Nothing is called so" : `There is no ${one} yet`} />
          ) : (
            <div class="scroll-x">
              <table class="list">
                <caption class="sr">{title}</caption>
                <thead>
                  <tr>
                    {columns.map((c) => (
                      <th scope="col" key={c.title} class={c.hide ? "narrow-hide" : ""}>
                        {c.title}
                      </th>
                    ))}
                    {mayChange && (
                      <th scope="col">
                        <span class="sr">Actions</span>
                      </th>
                    )}
                  </tr>
                </thead>
                <tbody>
                  {shown.map((item) => (
                    <tr key={name(item)}>
                      {columns.map((c) => (
                        <td key={c.title} class={c.hide ? "narrow-hide" : ""}>
                          {c.cell(item)}
                        </td>
                      ))}
                      {mayChange && (
                        <td class="end nowrap">
                          <button class="quiet square" aria-label={`Change ${name(item)}`} title="Change" onClick={() => setEdited({ item })}>
                            <Icon name="edit" size={15} />
                          </button>
                          {!fixed(item) && (
                            <button class="quiet square" aria-label={`Delete ${name(item)}`} title="Delete" onClick={() => setGone(item)}>
                              <Icon name="trash" size={15} />
                            </button>
                          )}
                        </td>
                      )}
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Loaded>
      {edited && (
        <Dialog title={edited.item ? `Change ${name(edited.item)}` : `Add a ${one}`} onClose={() => setEdited(null)}>
          {form(edited.item, done)}
        </Dialog>
      )}
      {gone && (
        <Dialog title={`Delete ${name(gone)}?`} onClose={() => setGone(null)}>
          <div class="form">
            <p>{loss} It cannot be undone.</p>
            <footer>
              <button onClick={() => setGone(null)}>Cancel</button>
              <button class="danger" onClick={() => remove(gone)}>
                Delete
              </button>
            </footer>
          </div>
        </Dialog>
      )}
    </>
  );
}

/** A form whose fields are inputs by name; says what went wrong and closes when it went well. */
export function Fields({
  save,
  done,
  children,
}: {
  save: (fields: Record<string, string>) => Promise<unknown>;
  done: () => void;
  children: ComponentChildren;
}) {
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  return (
    <form
      class="form"
      onSubmit={async (event) => {
        event.preventDefault();
        const fields: Record<string, string> = {};
        new FormData(event.currentTarget).forEach((value, key) => {
          if (typeof value === "string") fields[key] = value;
        });
        setBusy(true);
        setError(null);
        try {
          await save(fields);
          toast("Saved");
          done();
        } catch (problem) {
          setError((problem as Error).message);
          setBusy(false);
        }
      }}
    >
      {children}
      {error && (
        <p class="banner bad" role="alert">
          {error}
        </p>
      )}
      <footer>
        <button class="primary" disabled={busy}>
          Save
        </button>
      </footer>
    </form>
  );
}
