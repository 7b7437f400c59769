// One's own account: password, sessions, tokens for programs.
import { useState } from "preact/hooks";
import { del, me, post, signInNeeded } from "../core/api";
import { useQuery } from "../core/query";
import { go } from "../core/router";
import { Fields } from "../parts/crud";
import { Dialog } from "../parts/dialog";
import { Icon } from "../parts/icon";
import { NewPassword } from "../parts/new-password";
import { Loaded, PageHead, useTitle } from "../parts/page";
import { Sessions, type Session } from "../parts/sessions";
import { failed, toast } from "../parts/toast";

const LIFETIMES: [string, number][] = [
  ["an hour", 3_600],
  ["eight hours", 28_800],
  ["as long as tokens last", 0],
];

export function AccountPage() {
  useTitle("Your account");
  const who = me.value;
  if (!who) return null;
  return (
    <>
      <PageHead
        title="Your account"
        lead={
          <>
            <span class="strong">{who.username}</span>
            <span>{who.role}</span>
            {who.email && <span>{who.email}</span>}
            <span>{who.all_dags ? "sees every DAG" : "sees some DAGs"}</span>
          </>
        }
      />
      {who.signed_in_by === "loopback" ? (
        <p class="banner">This machine is trusted: nobody signed in, so there is no password, session or token.</p>
      ) : (
        <Own />
      )}
    </>
  );
}

function Own() {
  const found = useQuery<{ sessions: Session[] }>("/auth/sessions");
  const [dialog, setDialog] = useState<"password" | "token" | null>(null);
  const close = (): void => {
    setDialog(null);
    found.reload();
  };
  const end = async (path: string): Promise<void> => {
    try {
      await del(path);
      found.reload();
    } catch (problem) {
      failed(problem);
    }
  };
  return (
    <div class="columns">
      <section class="card">
        <h2>Sessions and tokens</h2>
        <Loaded query={found}>
          {({ sessions }) => <Sessions sessions={sessions} onEnd={(s) => end(`/auth/sessions/${s.id}`)} />}
        </Loaded>
        <p class="actions">
          <button aria-haspopup="dialog" onClick={() => setDialog("token")}>
            <Icon name="plus" size={14} /> Make a token
          </button>
          <button onClick={() => end("/auth/sessions").then(() => (signInNeeded.value = true))}>
            <Icon name="out" size={14} /> Sign out everywhere
          </button>
        </p>
      </section>
      <section class="card">
        <h2>Password</h2>
        <p class="muted">When it changes, all sessions and tokens end.</p>
        <p class="actions">
          <button aria-haspopup="dialog" onClick={() => setDialog("password")}>
            Change the password
          </button>
        </p>
      </section>
      {dialog === "password" && (
        <Dialog title="Change the password" onClose={close}>
          <Fields
            done={() => {
              signInNeeded.value = true;
              go("/");
            }}
            save={(f) => post("/auth/password", { old_password: f["old"], new_password: f["password"] })}
          >
            <label>
              Present password
              <input name="old" type="password" required autocomplete="current-password" />
            </label>
            <NewPassword required />
          </Fields>
        </Dialog>
      )}
      {dialog === "token" && (
        <Dialog title="Make a token" onClose={close}>
          <NewToken />
        </Dialog>
      )}
    </div>
  );
}

function NewToken() {
  const [token, setToken] = useState<string | null>(null);
  if (token === null) {
    return (
      <Fields
        done={() => undefined}
        save={async (f) => {
          const lifetime = Number(f["lifetime"]);
          const made = await post<{ access_token: string }>("/auth/tokens", lifetime ? { lifetime_s: lifetime } : {});
          setToken(made.access_token);
        }}
      >
        <p>A program that sends it may do whatever you may: give it to one program only.</p>
        <label>
          Good for
          <select name="lifetime">
            {LIFETIMES.map(([text, seconds]) => (
              <option key={seconds} value={seconds}>
                {text}
              </option>
            ))}
          </select>
        </label>
      </Fields>
    );
  }
  const copy = (): void => {
    navigator.clipboard.writeText(token).then(() => toast("Copied"), failed);
  };
  return (
    <div class="form">
      <p>Copy it now: it is not shown again.</p>
      <pre class="json" tabIndex={0} aria-label="Token">
        {token}
      </pre>
      <p class="small muted">
        Send it as <code>Authorization: Bearer …</code>
      </p>
      <footer>
        <button class="primary" onClick={copy}>
          <Icon name="copy" size={14} /> Copy
        </button>
      </footer>
    </div>
  );
}
