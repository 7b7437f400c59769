// The sessions of an account: browsers that are signed in, tokens in use.
import { Icon } from "./icon";
import { Ago } from "./time";

export interface Session {
  id: string;
  kind: string;
  created_at: string;
  seen_at: string;
  expires_at: string;
  address: string | null;
  current: boolean;
}

export function Sessions({ sessions, onEnd }: { sessions: Session[]; onEnd?: (session: Session) => void }) {
  if (sessions.length === 0) return <p class="muted">There is none.</p>;
  return (
    <ul class="rows">
      {sessions.map((s) => (
        <li key={s.id}>
          <span>
            {s.kind === "browser" ? "Browser" : "Token"}
            {s.address && <span class="muted small"> from {s.address}</span>}
            {s.current && <span class="tag">this one</span>}
            <span class="muted small block">
              since <Ago at={at(s.created_at)} />, used <Ago at={at(s.seen_at)} />, ends <Ago at={at(s.expires_at)} />
            </span>
          </span>
          <span class="spring" />
          {onEnd && !s.current && (
            <button class="quiet square" aria-label={`End the ${s.kind} session ${s.id}`} title="End it" onClick={() => onEnd(s)}>
              <Icon name="x" size={14} />
            </button>
          )}
        </li>
      ))}
    </ul>
  );
}

const at = (time: string): number => Date.parse(time) / 1000;
