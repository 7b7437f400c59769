"""Ask a live Airflow over its REST API (v2, Airflow 3) which runs its schedules made."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from tradewind.cli.shadowing import Span
from tradewind.errors import UserError
from tradewind.store.airflow_db.schedules import AirflowDag, ScheduledRun

PAGE = 100
"""Things in one answer: Airflow's default limit."""
TIMEOUT_S = 30.0


class AirflowApi:
    """The API of an Airflow 3.

    Args:
        url: of the API server, without `/api/v2`.
        token: a bearer token; None asks without.

    Raises:
        UserError: the URL is none of HTTP.
    """

    def __init__(self, url: str, token: str | None) -> None:
        if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
            raise UserError(f"--api {url!r} is no address of HTTP, like http://localhost:8080")
        self._base = url.rstrip("/") + "/api/v2"
        self._headers = {"Accept": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def dags(self, span: Span) -> list[AirflowDag]:
        """Return the DAGs, with their scheduled runs of a span and the last one before it.

        Raises:
            UserError: the server cannot be reached, or refuses.
        """
        runs: dict[str, list[ScheduledRun]] = {}
        asked = {"run_after_gte": span.since.isoformat(), "run_after_lte": span.until.isoformat()}
        for row in self._all("dags/~/dagRuns", "dag_runs", run_type="scheduled", **asked):
            runs.setdefault(row["dag_id"], []).append(_run(row))
        found = []
        for row in self._all("dags", "dags", order_by="dag_id"):
            dag_id = row["dag_id"]
            found.append(
                AirflowDag(
                    dag_id=dag_id,
                    paused=row["is_paused"],
                    runs=tuple(runs.get(dag_id, ())),
                    before=self._before(dag_id, span.since),
                )
            )
        return found

    def _before(self, dag_id: str, since: datetime) -> ScheduledRun | None:
        path = f"dags/{urllib.parse.quote(dag_id, safe='')}/dagRuns"
        answer = self._get(
            path,
            run_type="scheduled",
            run_after_lt=since.isoformat(),
            order_by="-run_after",
            limit="1",
        )
        return next((_run(row) for row in answer["dag_runs"]), None)

    def _all(self, path: str, name: str, **asked: str) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            answer = self._get(path, limit=str(PAGE), offset=str(offset), **asked)
            yield from answer[name]
            offset += len(answer[name])
            if not answer[name] or offset >= answer["total_entries"]:
                return

    def _get(self, path: str, **asked: str) -> Any:
        url = f"{self._base}/{path}?{urllib.parse.urlencode(asked)}"
        request = urllib.request.Request(url, headers=self._headers)  # noqa: S310 - checked: HTTP
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                return msgspec.json.decode(answer.read())
        except urllib.error.HTTPError as error:
            hint = "; give a token with --token" if error.code in {401, 403} else ""
            error.close()
            raise UserError(f"Airflow answers {error.code} to {self._base}/{path}{hint}") from error
        except (OSError, msgspec.DecodeError) as error:
            raise UserError(f"Airflow's API at {self._base} does not answer: {error}") from error


def _run(row: dict[str, Any]) -> ScheduledRun:
    return ScheduledRun(
        run_after=datetime.fromisoformat(row["run_after"]),
        logical_date=_time(row["logical_date"]),
        interval_start=_time(row["data_interval_start"]),
        interval_end=_time(row["data_interval_end"]),
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
