// Who may do what. Accounts are made and changed on the command line, where the database is.
import { useQuery } from "../core/query";
import { Empty, Loaded, PageHead, useTitle } from "../parts/page";
import { StateTag } from "../parts/state";
import { Time } from "../parts/time";

interface Account {
  name: string;
  role: string;
  email: string | null;
  active: boolean;
  dags: Record<string, boolean> | null;
  created: number | null;
  signed_in: number | null;
}

export function UsersPage() {
  useTitle("Users");
  const found = useQuery<Account[]>("/ui/users");
  return (
    <>
      <PageHead
        title="Users"
        lead={
          <span>
            Made and changed with <code>tradewind users</code>
          </span>
        }
      />
      <Loaded query={found}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="There is no account yet">
              <p>
                Make one with <code>tradewind users create</code>.
              </p>
            </Empty>
          ) : (
            <div class="scroll-x">
              <table class="list">
                <caption class="sr">Users</caption>
                <thead>
                  <tr>
                    {["User", "Role", "DAGs", "State", "Created", "Signed in last"].map((h) => (
                      <th scope="col" key={h}>
                        {h}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {all.map((a) => (
                    <tr key={a.name}>
                      <td>
                        <span class="strong">{a.name}</span>
                        {a.email && <div class="muted small">{a.email}</div>}
                      </td>
                      <td>{a.role}</td>
                      <td class="small wrap">
                        {a.dags === null
                          ? "all"
                          : Object.entries(a.dags)
                              .map(([dag, edit]) => (edit ? dag : `${dag} (to read)`))
                              .join(", ") || "none"}
                      </td>
                      <td>
                        <StateTag state={a.active ? "success" : "removed"} text={a.active ? "active" : "closed"} />
                      </td>
                      <td>
                        <Time at={a.created} />
                      </td>
                      <td>
                        <Time at={a.signed_in} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Loaded>
    </>
  );
}
