import { useState } from "preact/hooks";
import { me, post, signInNeeded, type Me } from "../core/api";
import { go, query } from "../core/router";
import { useTitle } from "../parts/page";

export function SignIn() {
  useTitle("Sign in");
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    setError(null);
    try {
      me.value = await post<Me>("/auth/login", {
        username: form.get("username"),
        password: form.get("password"),
      });
      signInNeeded.value = false;
      const next = query.peek().get("next");
      if (next?.startsWith("/") && !next.startsWith("//")) go(next, { replace: true });
      else if (location.pathname === "/login") go("/", { replace: true });
    } catch (problem) {
      setError(problem instanceof Error ? problem.message : String(problem));
      signInNeeded.value = true;
    } finally {
      setBusy(false);
    }
  };
  return (
    <main class="sign-in">
      <form onSubmit={submit}>
        <div class="brand">
          <img src="/icon.svg" alt="" width="36" height="36" />
          <h1>Tradewind</h1>
        </div>
        <label>
          User name
          <input name="username" autocomplete="username" required autofocus />
        </label>
        <label>
          Password
          <input name="password" type="password" autocomplete="current-password" required />
        </label>
        {error && (
          <p class="banner bad" role="alert">
            {error}
          </p>
        )}
        <button class="primary" disabled={busy}>
          {busy ? "Signing in…" : "Sign in"}
        </button>
        <p class="muted small">
          No account yet? Whoever runs this server makes one with <code>tradewind users create</code>.
        </p>
      </form>
    </main>
  );
}
