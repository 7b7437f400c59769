import { may, patch, post } from "../core/api";
import { useQuery } from "../core/query";
import { Crud, Fields } from "../parts/crud";
import { StateCount } from "../parts/state";
import { PoolBar } from "./home";

interface Pool {
  name: string;
  slots: number;
  description: string | null;
  include_deferred: boolean;
  running_slots: number;
  queued_slots: number;
  scheduled_slots: number;
  deferred_slots: number;
  open_slots: number;
}

const path = (name: string): string => `/api/v2/pools/${encodeURIComponent(name)}`;

export function PoolsPage() {
  const pools = useQuery<{ pools: Pool[] }>("/api/v2/pools?limit=1000&order_by=name", { every: 2000 });
  return (
    <Crud<Pool>
      title="Pools"
      one="pool"
      lead="Slots that tasks share, whatever their DAG."
      query={pools}
      items={pools.data?.pools}
      name={(p) => p.name}
      path={path}
      mayChange={may("op")}
      fixed={(p) => p.name === "default_pool"}
      columns={[
        {
          title: "Pool",
          cell: (p) => (
            <>
              <span class="strong">{p.name}</span>
              <div class="muted small">{p.description}</div>
            </>
          ),
        },
        {
          title: "In use",
          cell: (p) => (
            <div class="pool-use">
              <span class="num">
                {p.running_slots + p.queued_slots + (p.include_deferred ? p.deferred_slots : 0)} of {p.slots < 0 ? "∞" : p.slots}
              </span>
              <PoolBar
                pool={{ name: p.name, slots: p.slots, running: p.running_slots, queued: p.queued_slots, scheduled: p.scheduled_slots, deferred: p.include_deferred ? p.deferred_slots : 0 }}
              />
            </div>
          ),
        },
        {
          title: "By state",
          hide: true,
          cell: (p) => (
            <span class="actions">
              <StateCount state="running" count={p.running_slots} />
              <StateCount state="queued" count={p.queued_slots} />
              <StateCount state="scheduled" count={p.scheduled_slots} />
              <StateCount state="deferred" count={p.deferred_slots} />
            </span>
          ),
        },
      ]}
      form={(pool, done) => (
        <Fields
          done={done}
          save={(f) => {
            const body = {
              name: pool?.name ?? f["name"],
              slots: Number(f["slots"]),
              description: f["description"] || null,
              include_deferred: f["include_deferred"] === "on",
            };
            return pool ? patch(path(pool.name), body) : post("/api/v2/pools", body);
          }}
        >
          {!pool && (
            <label>
              Name
              <input name="name" required maxLength={256} />
            </label>
          )}
          <label>
            Slots
            <input name="slots" type="number" min={-1} required defaultValue={String(pool?.slots ?? 8)} />
            <small>-1 is as many as anybody wants</small>
          </label>
          <label>
            Description
            <input name="description" defaultValue={pool?.description ?? ""} />
          </label>
          <label class="check">
            <input type="checkbox" name="include_deferred" defaultChecked={pool?.include_deferred ?? false} />
            Deferred tasks hold their slots
          </label>
        </Fields>
      )}
    />
  );
}
