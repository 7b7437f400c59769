// Who may do what: accounts with their roles, their DAGs and their sessions.
import { useState } from "preact/hooks";
import { del, me, patch, post, url } from "../core/api";
import { useQuery } from "../core/query";
import { Crud, Fields } from "../parts/crud";
import { DagAccess } from "../parts/dag-access";
import { NewPassword } from "../parts/new-password";
import { Loaded } from "../parts/page";
import { Sessions, type Session } from "../parts/sessions";
import { StateTag } from "../parts/state";
import { Ago } from "../parts/time";
import { failed, toast } from "../parts/toast";

interface Account {
  name: string;
  role: string;
  email: string | null;
  active: boolean;
  /** By DAG whether it may be edited; null is all DAGs. */
  dags: Record<string, boolean> | null;
  created: number | null;
  signed_in: number | null;
  sessions: number;
}

const ROLES: [string, string][] = [
  ["viewer", "sees DAGs, runs, tasks and logs"],
  ["user", "and triggers, clears, marks, pauses, answers"],
  ["op", "and keeps variables, connections, pools; sees settings and the audit log"],
  ["admin", "and keeps accounts; sees every DAG"],
];

const path = (name: string): string => `/auth/users/${encodeURIComponent(name)}`;

export function UsersPage() {
  const found = useQuery<Account[]>("/ui/users");
  return (
    <>
      <Crud<Account>
        title="Users"
        one="user"
        lead="Who signs in here, what they may do, and which DAGs they see."
        loss="All sessions and tokens of this account end at once. What it did stays in the audit log."
        query={found}
        items={found.data}
        name={(a) => a.name}
        path={path}
        mayChange
        fixed={(a) => a.name === me.value?.username}
        columns={[
          {
            title: "User",
            cell: (a) => (
              <>
                <span class="strong">{a.name}</span>
                {!a.active && <StateTag state="removed" text="closed" />}
                {a.email && <div class="muted small wrap">{a.email}</div>}
              </>
            ),
          },
          { title: "Role", cell: (a) => a.role },
          { title: "DAGs", hide: true, cell: (a) => <span class="small wrap">{dagsOf(a)}</span> },
          { title: "Sessions", hide: true, cell: (a) => <span class="num">{a.sessions || "–"}</span> },
          { title: "Signed in last", hide: true, cell: (a) => <Ago at={a.signed_in} /> },
          {
            title: "What it did",
            hide: true,
            cell: (a) => <a href={url("/audit", { actor: a.name })}>Audit log</a>,
          },
        ]}
        form={(a, done) => <UserForm account={a} done={done} />}
      />
      <section class="card roles">
        <h2>Roles</h2>
        <dl class="facts tight">
          {ROLES.map(([name, text]) => [
            <dt key={name}>{name}</dt>,
            <dd key={`${name} text`}>{text}</dd>,
          ])}
        </dl>
        <p class="small muted">
          A list of DAGs only takes away: a viewer edits none of them, whatever the list says.
        </p>
      </section>
    </>
  );
}

function dagsOf(a: Account): string {
  if (a.role === "admin" || a.dags === null) return "all";
  const listed = Object.entries(a.dags).map(([dag, edit]) => (edit && a.role !== "viewer" ? dag : `${dag} (to read)`));
  return listed.join(", ") || "none";
}

function UserForm({ account: a, done }: { account: Account | null; done: () => void }) {
  const [role, setRole] = useState(a?.role ?? "viewer");
  const [dags, setDags] = useState<Record<string, boolean> | null>(a ? a.dags : null);
  return (
    <>
      <Fields
        done={done}
        save={(f) => {
          const body: Record<string, unknown> = { role, email: f["email"] || null, dags: role === "admin" ? null : dags };
          if (f["password"]) body["password"] = f["password"];
          if (!a) return post("/auth/users", { ...body, username: f["username"] });
          return patch(path(a.name), { ...body, active: f["active"] === "on" });
        }}
      >
        {!a && (
          <label>
            User name
            <input name="username" required maxLength={100} pattern="[\w.@+\-]+" autocomplete="off" />
            <small>Letters, digits and _ . @ + -</small>
          </label>
        )}
        <label>
          Role
          <select value={role} onChange={(e) => setRole(e.currentTarget.value)}>
            {ROLES.map(([name]) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
          <small>{ROLES.find(([name]) => name === role)?.[1]}</small>
        </label>
        <label>
          E-mail address
          <input name="email" type="text" inputMode="email" defaultValue={a?.email ?? ""} autocomplete="off" />
        </label>
        {role !== "admin" && <DagAccess dags={dags} onChange={setDags} mayEdit={role !== "viewer"} />}
        <NewPassword required={!a} />
        {a && (
          <label class="check">
            <input type="checkbox" name="active" defaultChecked={a.active} />
            <span>
              Active
              <small>Whoever is not cannot sign in.</small>
            </span>
          </label>
        )}
        {a && <p class="small muted">Saving ends the account's sessions: what was handed out before is not valid after.</p>}
      </Fields>
      {a && <TheirSessions name={a.name} />}
    </>
  );
}

function TheirSessions({ name }: { name: string }) {
  const found = useQuery<{ sessions: Session[] }>(`${path(name)}/sessions`);
  const end = async (): Promise<void> => {
    try {
      await del(`${path(name)}/sessions`);
      toast(`The sessions of ${name} are ended`);
      found.reload();
    } catch (problem) {
      failed(problem);
    }
  };
  return (
    <details class="more-of">
      <summary>Sessions and tokens</summary>
      <Loaded query={found}>
        {({ sessions }) => (
          <>
            <Sessions sessions={sessions} />
            {sessions.length > 0 && (
              <button class="danger" onClick={end}>
                End them all
              </button>
            )}
          </>
        )}
      </Loaded>
    </details>
  );
}
