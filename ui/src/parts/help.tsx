import { shortcuts } from "../core/keys";
import { Dialog } from "./dialog";

const KEYS: [string, [string, string][]][] = [
  [
    "Everywhere",
    [
      ["Ctrl K", "go to a DAG, a page, an action"],
      ["/", "search"],
      ["g then h, d, r, a", "home, DAGs, runs, assets"],
      ["?", "this help"],
    ],
  ],
  ["DAG list", [["j k", "next, previous"], ["Enter", "open"]]],
  [
    "Grid",
    [
      ["↑ ↓ ← →", "choose a cell"],
      ["Home End", "first, last run"],
      ["Space", "choose one more cell"],
      ["Shift ↑ ↓ ← →", "choose all cells on the way"],
      ["Enter", "open the task, or open and close the group"],
      ["Esc", "close the panel"],
    ],
  ],
  [
    "Log",
    [
      ["e E", "next, previous error"],
      ["Ctrl F", "search the whole log"],
      ["w", "wrap lines"],
    ],
  ],
];

export function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <div class="stack">
        {KEYS.map(([title, keys]) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl class="facts">
              {keys.map(([key, text]) => [
                <dt key={key}>
                  <kbd>{key}</kbd>
                </dt>,
                <dd key={text}>{text}</dd>,
              ])}
            </dl>
          </section>
        ))}
        <label class="check">
          <input
            type="checkbox"
            checked={shortcuts.value}
            onChange={(e) => (shortcuts.value = e.currentTarget.checked)}
          />
          Single keys are shortcuts
        </label>
      </div>
    </Dialog>
  );
}
