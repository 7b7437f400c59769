// The shell: navigation, search, the clock's zone, and the page that the address names.
import { signal, useComputed } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { me, may, post, signInNeeded, whoAmI } from "./core/api";
import { useKeys } from "./core/keys";
import { connected } from "./core/live";
import { setTheme, theme, type Theme } from "./core/prefs";
import { go, match, path } from "./core/router";
import { clock, localZone, now, setZone, zone, zoneName } from "./core/time";
import { Icon } from "./parts/icon";
import { PageHead } from "./parts/page";
import { failed, Toasts } from "./parts/toast";
import { Dags } from "./pages/dags";
import { SignIn } from "./pages/signin";

// biome-ignore lint/suspicious/noExplicitAny: a page takes the parameters of its path
type Page = ComponentType<any>;
type Loader = () => Promise<Page>;

const dag: Loader = () => import("./pages/dag").then((m) => m.DagPage);
const system = (name: keyof typeof import("./pages/system")): Loader => () =>
  import("./pages/system").then((m) => m[name] as Page);

const ROUTES: [string, Page | Loader, boolean][] = [
  ["", () => import("./pages/home").then((m) => m.HomePage), true],
  ["/dags", Dags, false],
  ["/dags/:dag", dag, true],
  ["/dags/:dag/:tab", dag, true],
  ["/dags/:dag/runs/:run", () => import("./pages/run").then((m) => m.RunPage), true],
  ["/dags/:dag/runs/:run/:tab", () => import("./pages/run").then((m) => m.RunPage), true],
  ["/dags/:dag/runs/:run/tasks/:task", () => import("./pages/task").then((m) => m.TaskPage), true],
  [
    "/dags/:dag/runs/:run/tasks/:task/:map",
    () => import("./pages/task").then((m) => m.TaskPage),
    true,
  ],
  ["/runs", () => import("./pages/runs").then((m) => m.RunsPage), true],
  ["/assets", () => import("./pages/assets").then((m) => m.AssetsPage), true],
  ["/questions", () => import("./pages/questions").then((m) => m.QuestionsPage), true],
  ["/backfills", () => import("./pages/backfills").then((m) => m.BackfillsPage), true],
  ["/pools", () => import("./pages/pools").then((m) => m.PoolsPage), true],
  ["/variables", () => import("./pages/variables").then((m) => m.VariablesPage), true],
  ["/connections", () => import("./pages/connections").then((m) => m.ConnectionsPage), true],
  ["/workers", system("WorkersPage"), true],
  ["/audit", system("AuditPage"), true],
  ["/errors", system("ErrorsPage"), true],
  ["/config", system("ConfigPage"), true],
  ["/users", () => import("./pages/users").then((m) => m.UsersPage), true],
  ["/account", () => import("./pages/account").then((m) => m.AccountPage), true],
  ["/logout", () => Promise.resolve(SignOut as Page), true],
];

const NAV: [string, [string, string, string][]][] = [
  [
    "",
    [
      ["/", "Home", "home"],
      ["/dags", "DAGs", "dags"],
      ["/runs", "Runs", "runs"],
      ["/assets", "Assets", "assets"],
      ["/backfills", "Backfills", "backfill"],
      ["/questions", "Questions", "question"],
    ],
  ],
  [
    "Settings",
    [
      ["/pools", "Pools", "pools"],
      ["/variables", "Variables", "variables"],
      ["/connections", "Connections", "connections"],
    ],
  ],
  [
    "System",
    [
      ["/errors", "Import errors", "errors"],
      ["/workers", "Workers", "workers"],
      ["/audit", "Audit log", "audit"],
      ["/config", "Configuration", "config"],
      ["/users", "Users", "users"],
    ],
  ],
];

const palette = signal(false);
const help = signal(false);
const menu = signal(false);
export const openPalette = (): boolean => (palette.value = true);

const loadPalette: Loader = () => import("./parts/palette").then((m) => m.Palette);
const loadHelp: Loader = () => import("./parts/help").then((m) => m.Help);

export function App() {
  useEffect(() => {
    whoAmI().catch(failed);
  }, []);
  useKeys({
    "mod+k": openPalette,
    "/": () => {
      const field = document.querySelector<HTMLInputElement>("main input[type=search]");
      if (field) field.focus();
      else openPalette();
    },
    "?": () => (help.value = true),
    "g h": () => go("/"),
    "g d": () => go("/dags"),
    "g r": () => go("/runs"),
    "g a": () => go("/assets"),
  });
  if (path.value === "/login" || (signInNeeded.value && path.value !== "/logout")) return <SignIn />;
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <div class="shell">
        <Side />
        <div class="body">
          <Top />
          <main id="main" tabIndex={-1}>
            <Content />
          </main>
        </div>
      </div>
      {palette.value && <Lazy load={loadPalette} props={{ onClose: () => (palette.value = false) }} />}
      {help.value && <Lazy load={loadHelp} props={{ onClose: () => (help.value = false) }} />}
      <Toasts />
    </>
  );
}

function Content() {
  const found = useComputed(() => {
    const at = path.value === "/" ? "" : path.value;
    for (const [pattern, page, lazy] of ROUTES) {
      const params = match(pattern, at);
      if (params) return { pattern, page, lazy, params };
    }
    return null;
  });
  const route = found.value;
  useEffect(() => {
    menu.value = false;
  }, [path.value]);
  if (!route) {
    return (
      <>
        <PageHead title="There is no such page" />
        <p>
          Go on from <a href="/dags">all DAGs</a>, or press Ctrl K.
        </p>
      </>
    );
  }
  if (!route.lazy) {
    const Direct = route.page as Page;
    return <Direct {...route.params} />;
  }
  return <Lazy load={route.page as Loader} props={route.params} />;
}

const loaded = new Map<Loader, Page>();

function Lazy({ load, props }: { load: Loader; props: object }) {
  const [, redraw] = useState(0);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    if (loaded.has(load)) return;
    load().then(
      (page) => {
        loaded.set(load, page);
        redraw((n) => n + 1);
      },
      () => setError("This part of the page could not be loaded. Reload the page."),
    );
  }, [load]);
  const Page = loaded.get(load);
  if (Page) return <Page {...props} />;
  if (error) return <p class="banner bad">{error}</p>;
  return <div class="skeleton" role="status" aria-label="Loading" />;
}

function Side() {
  const at = path.value;
  return (
    <aside class={`side${menu.value ? " open" : ""}`}>
      <a class="brand" href="/" aria-label="Tradewind, home">
        <img src="/icon.svg" alt="" width="24" height="24" />
        <span>Tradewind</span>
      </a>
      <nav aria-label="Main" id="navigation">
        {NAV.map(([title, links]) => (
          <div class="nav-group" key={title}>
            {title && <h2>{title}</h2>}
            {links.map(([href, text, icon]) =>
              title === "System" && !may(href === "/users" ? "admin" : "op") ? null : (
                <a
                  key={href}
                  href={href}
                  aria-current={
                    (href === "/" ? at === "/" : at === href || at.startsWith(href + "/"))
                      ? "page"
                      : undefined
                  }
                >
                  <Icon name={icon} />
                  <span>{text}</span>
                </a>
              ),
            )}
          </div>
        ))}
      </nav>
    </aside>
  );
}

function Top() {
  return (
    <header class="top">
      <button
        class="quiet square only-narrow"
        aria-label="Menu"
        aria-expanded={menu.value}
        aria-controls="navigation"
        onClick={() => (menu.value = !menu.value)}
      >
        <Icon name="menu" />
      </button>
      <button class="search-button" onClick={openPalette}>
        <Icon name="search" size={15} />
        <span>Go to a DAG, a page, an action</span>
        <kbd>Ctrl K</kbd>
      </button>
      <span class="spring" />
      {connected.value === false && (
        <span class="live-off" role="status" title="Trying again">
          not live
        </span>
      )}
      <ZonePicker />
      <ThemePicker />
      <User />
    </header>
  );
}

function ZonePicker() {
  const zones = [...new Set([localZone, "UTC", zone.value])];
  const at = now.value;
  return (
    <label class="zone" title={`Times are shown in ${zone.value}`}>
      <Icon name="clock" size={15} />
      <span class="num">{clock(at)}</span>
      <span class="only-narrow" aria-hidden="true">
        {zoneName(at)}
      </span>
      <span class="sr">Time zone</span>
      <select
        value={zone.value}
        onChange={(e) => {
          if (e.currentTarget.value === "other") {
            const wanted = prompt("An IANA time zone, such as Europe/Berlin", zone.value);
            if (wanted && Intl.supportedValuesOf("timeZone").includes(wanted)) setZone(wanted);
            e.currentTarget.value = zone.value;
          } else setZone(e.currentTarget.value);
        }}
      >
        {zones.map((z) => (
          <option key={z} value={z}>
            {z === "UTC" ? "UTC" : `${zoneName(at, z)} · ${z}`}
          </option>
        ))}
        <option value="other">Other…</option>
      </select>
    </label>
  );
}

const THEMES: Record<Theme, [Theme, string, string]> = {
  system: ["light", "system", "the system's"],
  light: ["dark", "sun", "light"],
  dark: ["system", "moon", "dark"],
};

function ThemePicker() {
  const [next, icon, text] = THEMES[theme.value];
  return (
    <button
      class="quiet square"
      aria-label={`Theme: ${text}. Change to ${THEMES[next][2]}`}
      title={`Theme: ${text}`}
      onClick={() => setTheme(next)}
    >
      <Icon name={icon} />
    </button>
  );
}

function User() {
  const who = me.value;
  if (!who) return null;
  return (
    <details class="menu">
      <summary class="quiet" aria-label={`Signed in as ${who.username}`}>
        <span class="avatar">{who.username.slice(0, 1).toUpperCase()}</span>
      </summary>
      <div class="menu-list">
        <p>
          <strong>{who.username}</strong>
          <span class="muted"> · {who.role}</span>
        </p>
        <a href="/account">Your account</a>
        {who.signed_in_by === "loopback" ? (
          <p class="muted">This machine is trusted: nobody had to sign in.</p>
        ) : (
          <button class="quiet" onClick={() => go("/logout")}>
            <Icon name="out" /> Sign out
          </button>
        )}
        <a href="/docs" target="_blank" rel="noreferrer">
          API reference
        </a>
        <button class="quiet" onClick={() => (help.value = true)}>
          Keyboard shortcuts <kbd>?</kbd>
        </button>
      </div>
    </details>
  );
}

function SignOut() {
  useEffect(() => {
    post("/auth/logout")
      .catch(() => undefined)
      .then(() => {
        me.value = null;
        signInNeeded.value = true;
        go("/");
      });
  }, []);
  return <p>Signing out…</p>;
}
