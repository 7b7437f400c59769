import { may, patch, post } from "../core/api";
import { useQuery } from "../core/query";
import { Crud, Fields } from "../parts/crud";

interface Connection {
  connection_id: string;
  conn_type: string;
  description: string | null;
  host: string | null;
  login: string | null;
  schema: string | null;
  port: number | null;
  extra: string | null;
}

const path = (id: string): string => `/api/v2/connections/${encodeURIComponent(id)}`;

export function ConnectionsPage() {
  const found = useQuery<{ connections: Connection[] }>("/api/v2/connections?limit=1000&order_by=connection_id");
  return (
    <Crud<Connection>
      title="Connections"
      one="connection"
      lead="How tasks reach other systems. Passwords are never shown."
      query={found}
      items={found.data?.connections}
      name={(c) => c.connection_id}
      path={path}
      mayChange={may("op")}
      columns={[
        {
          title: "Connection",
          cell: (c) => (
            <>
              <span class="mono strong">{c.connection_id}</span>
              <div class="muted small">{c.description}</div>
            </>
          ),
        },
        { title: "Type", cell: (c) => c.conn_type },
        {
          title: "Where",
          hide: true,
          cell: (c) => (
            <span class="mono small wrap">
              {c.login && `${c.login}@`}
              {c.host}
              {c.port && `:${c.port}`}
              {c.schema && `/${c.schema}`}
            </span>
          ),
        },
      ]}
      form={(c, done) => (
        <Fields
          done={done}
          save={(f) => {
            const text = (name: string): string | null => f[name] || null;
            const body: Record<string, unknown> = {
              connection_id: c?.connection_id ?? f["connection_id"],
              conn_type: f["conn_type"],
              host: text("host"),
              port: f["port"] ? Number(f["port"]) : null,
              schema: text("schema"),
              login: text("login"),
              description: text("description"),
              extra: text("extra"),
            };
            if (f["password"]) body["password"] = f["password"];
            if (!c) return post("/api/v2/connections", body);
            const mask = Object.keys(body).filter((k) => k !== "connection_id" && (k !== "extra" || body["extra"] !== null));
            return patch(`${path(c.connection_id)}?${mask.map((m) => `update_mask=${m}`).join("&")}`, body);
          }}
        >
          <div class="row">
            {!c && (
              <label>
                Id
                <input name="connection_id" required maxLength={200} pattern="[\w.\-]+" />
              </label>
            )}
            <label>
              Type
              <input name="conn_type" required defaultValue={c?.conn_type ?? ""} placeholder="postgres, http, aws …" />
            </label>
          </div>
          <div class="row">
            <label>
              Host
              <input name="host" defaultValue={c?.host ?? ""} />
            </label>
            <label>
              Port
              <input name="port" type="number" min={0} max={65535} defaultValue={c?.port ? String(c.port) : ""} />
            </label>
            <label>
              Login
              <input name="login" autocomplete="off" defaultValue={c?.login ?? ""} />
            </label>
            <label>
              Password
              <input name="password" type="password" autocomplete="new-password" placeholder={c ? "unchanged" : ""} />
            </label>
          </div>
          <label>
            Schema
            <input name="schema" defaultValue={c?.schema ?? ""} />
          </label>
          <label>
            Extra <span class="muted">(JSON)</span>
            <textarea class="mono" name="extra" rows={4} spellcheck={false} placeholder={c ? "unchanged" : ""} />
          </label>
          <label>
            Description
            <input name="description" defaultValue={c?.description ?? ""} />
          </label>
        </Fields>
      )}
    />
  );
}
