// The frame of a page's content: heading, crumbs, tabs, and what stands in for missing data.
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import type { Query } from "../core/query";
import { path, query, to } from "../core/router";
import { Icon } from "./icon";

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Tradewind`;
  }, [title]);
}

export function Crumbs({ items }: { items: [string, string][] }) {
  return (
    <nav class="crumbs" aria-label="Breadcrumb">
      <ol>
        {items.map(([text, href]) => (
          <li key={href}>
            <a href={href}>{text}</a>
          </li>
        ))}
      </ol>
    </nav>
  );
}

export function PageHead({
  title,
  crumbs = [],
  lead,
  actions,
  children,
}: {
  title: ComponentChildren;
  crumbs?: [string, string][];
  lead?: ComponentChildren;
  actions?: ComponentChildren;
  children?: ComponentChildren;
}) {
  return (
    <header class="page-head">
      <div class="page-title">
        {crumbs.length > 0 && <Crumbs items={crumbs} />}
        <h1>{title}</h1>
        {lead && <div class="lead">{lead}</div>}
      </div>
      {actions && <div class="actions">{actions}</div>}
      {children}
    </header>
  );
}

export function Tabs({ base, tabs }: { base: string; tabs: [string, string, string][] }) {
  const at = path.value;
  const keep = query.value.get("run");
  return (
    <nav class="tabs" aria-label="Views">
      {tabs.map(([slug, text, icon]) => {
        const href = slug ? `${base}/${slug}` : base;
        return (
          <a
            key={slug}
            href={keep && slug !== "runs" ? `${href}?run=${encodeURIComponent(keep)}` : href}
            aria-current={at === href ? "page" : undefined}
          >
            <Icon name={icon} size={15} />
            {text}
          </a>
        );
      })}
    </nav>
  );
}

/** Show data, or what there is instead of it. */
export function Loaded<T>({
  query: q,
  children,
}: {
  query: Pick<Query<T>, "data" | "error" | "loading" | "reload">;
  children: (data: T) => ComponentChildren;
}) {
  if (q.data !== undefined) {
    return (
      <>
        {q.error && q.error.status !== 401 && (
          <p class="banner bad" role="alert">
            {q.error.message} What is shown may be old.
          </p>
        )}
        {children(q.data)}
      </>
    );
  }
  if (q.error) {
    return (
      <Empty title={q.error.status === 404 ? "Not found" : "This could not be read"}>
        <p>{q.error.message}</p>
        <button onClick={q.reload}>Try again</button>
      </Empty>
    );
  }
  return <div class="skeleton" role="status" aria-label="Loading" />;
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export const dagLink = (dag: string): string => to("dags", dag);
export const runLink = (dag: string, run: string): string => to("dags", dag, "runs", run);
export const taskLink = (dag: string, run: string, task: string, map = -1): string =>
  map < 0
    ? to("dags", dag, "runs", run, "tasks", task)
    : to("dags", dag, "runs", run, "tasks", task, map);
