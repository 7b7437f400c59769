// A password to be: typed, or made here so that nobody invents a weak one.
import { useRef, useState } from "preact/hooks";

const LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const MADE_LENGTH = 20;

export function NewPassword({ required }: { required: boolean }) {
  const field = useRef<HTMLInputElement>(null);
  const [shown, setShown] = useState(false);
  const make = (): void => {
    field.current!.value = made();
    setShown(true);
  };
  return (
    <div class="labelled">
      <label for="new-password">{required ? "Password" : "New password"}</label>
      <span class="row-of">
        <input
          id="new-password"
          aria-describedby="new-password-hint"
          ref={field}
          name="password"
          type={(shown ? "text" : "password") as "password"}
          minLength={8}
          required={required}
          autocomplete="new-password"
        />
        <button type="button" onClick={make}>
          Make one
        </button>
      </span>
      <small class="muted" id="new-password-hint">{shown ? "Hand it over now: it is not shown again." : required ? "At least 8 characters" : "Empty: the password stays as it is"}</small>
    </div>
  );
}

/** Each letter is as likely as any other: numbers beyond the last whole round are thrown away. */
function made(): string {
  let text = "";
  while (text.length < MADE_LENGTH) {
    const [n] = crypto.getRandomValues(new Uint8Array(1));
    if (n! < 256 - (256 % LETTERS.length)) text += LETTERS[n! % LETTERS.length];
  }
  return text;
}
