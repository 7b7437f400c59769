"""The status page: what runs here, as plain HTML.

It needs no script, follows the reader's colour scheme, and reloads itself every few seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import Any

from tradewind import __version__
from tradewind.model.run import Run
from tradewind.schedule import describe
from tradewind.store.read.dags import DagRow, FileRow

RELOAD_S = 5
RUNS_SHOWN = 12

_STYLE = """
:root { color-scheme: light dark; --dim: color-mix(in srgb, currentColor 60%, transparent);
  --line: color-mix(in srgb, currentColor 15%, transparent); }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; color: var(--dim); }
th { text-align: left; font-weight: 600; color: var(--dim); }
th, td { padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
.dim, time { color: var(--dim); } .runs { white-space: nowrap; letter-spacing: .1em; }
.good, .success { color: #2a9d4a; } .bad, .failed { color: #d64545; }
.running { color: #3b7ddd; } .queued { color: #8a8f98; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid var(--line); border-radius: 6px; }
ul.parts { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; }
"""

_MARKS = {"success": "●", "failed": "✖", "running": "◐", "queued": "○"}
"""A state has a shape besides its colour: not everybody sees the difference."""

CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


def status_page(
    health: Mapping[str, Any],
    dags: Sequence[DagRow],
    runs: Mapping[str, Sequence[Run]],
    broken: Sequence[FileRow],
    now: datetime,
) -> str:
    """Return the page."""
    return (
        "<!doctype html>\n<html lang=en><meta charset=utf-8>"
        f"<title>Tradewind</title><meta http-equiv=refresh content={RELOAD_S}>"
        "<meta name=viewport content='width=device-width'>"
        f"<style>{_STYLE}</style>"
        f"<h1>Tradewind <span class=dim>{escape(__version__)}</span></h1>"
        f"{_parts(health)}{_broken(broken)}{_dags(dags, runs, now)}"
    )


def _parts(health: Mapping[str, Any]) -> str:
    items = []
    for part, about in health.items():
        status = about["status"] or "not needed yet"
        kind = {"healthy": "good", "unhealthy": "bad"}.get(status, "dim")
        items.append(f"<li>{escape(part.replace('_', ' '))} <b class={kind}>{escape(status)}</b>")
    return f"<ul class=parts>{''.join(items)}</ul>"


def _broken(broken: Sequence[FileRow]) -> str:
    if not broken:
        return ""
    files = "".join(
        f"<details><summary><b>{escape(file.path)}</b> "
        f"{escape(_last_line(file.import_error))}</summary>"
        f"<pre>{escape(file.import_error or '')}</pre></details>"
        for file in broken
    )
    return f"<h2 class=bad>DAG files that do not import ({len(broken)})</h2>{files}"


def _dags(dags: Sequence[DagRow], runs: Mapping[str, Sequence[Run]], now: datetime) -> str:
    if not dags:
        return "<h2>No DAGs yet</h2><p>Put a DAG file into the DAG folder: it shows up at once."
    rows = "".join(_dag(dag, runs.get(dag.dag_id, ()), now) for dag in dags)
    return (
        f"<h2>DAGs ({len(dags)})</h2><table>"
        "<tr><th scope=col>DAG<th scope=col>Schedule<th scope=col>Latest runs"
        f"<th scope=col>Next run</tr>{rows}</table>"
    )


def _dag(dag: DagRow, runs: Sequence[Run], now: datetime) -> str:
    about = f"<br><span class=dim>{escape(dag.description)}</span>" if dag.description else ""
    paused = " <span class=dim>paused</span>" if dag.paused else ""
    marks = " ".join(_mark(run) for run in runs) or "<span class=dim>none</span>"
    following = _when(dag.next_due, now) if dag.next_due and not dag.paused else ""
    return (
        f"<tr><td><b>{escape(dag.display_name or dag.dag_id)}</b>{paused}{about}"
        f"<td>{escape(describe(dag.schedule))}<td class=runs>{marks}<td>{following}</tr>"
    )


def _mark(run: Run) -> str:
    state = run.state.value
    title = f"{run.run_id}: {state}"
    if run.started_at and run.ended_at:
        title += f" in {_length(run.ended_at - run.started_at)}"
    return (
        f'<span class={state} title="{escape(title)}" role=img aria-label="{escape(title)}">'
        f"{_MARKS[state]}</span>"
    )


def _when(at: datetime, now: datetime) -> str:
    distance = f"in {_length(at - now)}" if at > now else "now"
    return f"<time datetime={at.isoformat()} title={at.isoformat()}>{distance}</time>"


def _length(span: timedelta) -> str:
    seconds = span.total_seconds()
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _last_line(text: str | None) -> str:
    lines = [line for line in (text or "").splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""
