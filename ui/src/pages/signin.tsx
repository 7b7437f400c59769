import { useState } from "preact/hooks";
import { me, post, signInNeeded, url, type Me } from "../core/api";
import { useQuery } from "../core/query";
import { go, query } from "../core/router";
import { useTitle } from "../parts/page";

interface Methods {
  password: boolean;
  /** What the button for the identity provider says. */
  oidc: string | null;
}

/** What became of a sign-in with the identity provider; its server's log has the whole reason. */
const FAILED: Record<string, string> = {
  refused: "You have no access here, or did not give yours. An administrator can say why.",
  not_believed: "The identity provider's answer cannot be trusted. The server's log says why.",
  unavailable: "The identity provider does not answer as it should. The server's log says why.",
  ended: "That sign-in had ended: it took too long, or began in another tab. Begin again.",
};

export function SignIn() {
  useTitle("Sign in");
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const methods = useQuery<Methods>("/auth/methods");
  const at = location.pathname === "/login" ? query.value.get("next") : location.pathname + location.search;
  const failed = query.value.get("failed");
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
        {failed && !error && (
          <p class="banner bad" role="alert">
            {FAILED[failed] ?? "That sign-in failed."}
          </p>
        )}
        {methods.data?.oidc && (
          <>
            <a class="button primary" href={url("/auth/oidc/login", { next: at })}>
              {methods.data.oidc}
            </a>
            <p class="or muted small">or with a password</p>
          </>
        )}
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
