"""What every screen needs, and how one is answered.

A screen is a plain function of a `Desk` and what was `Asked`. What it
returns goes out as JSON, compressed where that pays, with an ETag: an unchanged page costs a
304. Times go out as Unix seconds: a third of the bytes of text, and the browser shows them in
the reader's zone anyway.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tradewind.actions.reasons import Reasons
from tradewind.errors import NotFound, UserError
from tradewind.executors.capacity import configured_capacity
from tradewind.model.run import Run
from tradewind.store.read import runs
from tradewind.store.read.grid import Columns
from tradewind.web.call import Call
from tradewind.web.screens.feed import Feed
from tradewind.web.site import Site

SEQ_HEADER = "X-Event-Seq"
_WORTH_PACKING = 1_000
"""Bytes; smaller answers fit into a packet as they are."""


class Desk:
    """The parts of a server that screens read from."""

    def __init__(self, site: Site) -> None:
        self.db = site.db
        self.clock = site.clock
        self.config = site.config
        self.columns = Columns(site.db)
        self.feed = Feed(site.db)
        self.log_archive = site.log_archive

    def reasons(self) -> Reasons:
        """Return who knows why tasks do not run now."""
        return Reasons(self.db, self.clock.now(), configured_capacity(self.config.core))

    @property
    def logs(self) -> Path:
        """Return the folder of the tasks' logs."""
        return self.config.logging.base_log_folder


class Asked:
    """A request's query, read with names in every complaint.

    only: the DAGs that the reader may see; None is all of them. reader: the account's name.
    """

    def __init__(
        self, query: dict[str, list[str]], only: frozenset[str] | None, reader: str
    ) -> None:
        self._query = query
        self.only = only
        self.reader = reader

    @classmethod
    def of(cls, call: Call[Any, Any]) -> Asked:
        """Return what a call asks for."""
        query: dict[str, list[str]] = {}
        for name, value in call.request.query_params.multi_items():
            if "\x00" in value:
                raise UserError(f"{name} holds a NUL")
            query.setdefault(name, []).append(value)
        return cls(query, call.caller.readable, call.caller.name)

    def text(self, name: str) -> str | None:
        """Return a value, None without one."""
        values = self._query.get(name)
        return values[0] if values and values[0] else None

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a name."""
        return tuple(v for v in self._query.get(name, ()) if v)

    def needed(self, name: str) -> str:
        """Return a value.

        Raises:
            UserError: there is none.
        """
        value = self.text(name)
        if value is None:
            raise UserError(f"the query lacks {name!r}")
        return value

    def number(self, name: str, default: int, most: int, least: int = 0) -> int:
        """Return a whole number between bounds; outside of them, the nearest bound.

        Raises:
            UserError: it is no number.
        """
        value = self.text(name)
        if value is None:
            return default
        try:
            return max(least, min(most, int(value)))
        except ValueError as error:
            raise UserError(f"{name} is {value!r}; a whole number is expected") from error

    def dag_id(self) -> str:
        """Return the DAG that is asked for.

        Raises:
            NotFound: the reader may not see it.
        """
        dag_id = self.needed("dag")
        if self.only is not None and dag_id not in self.only:
            raise NotFound(f"there is no DAG {dag_id!r}")
        return dag_id

    def run(self, desk: Desk) -> Run:
        """Return the run that is asked for.

        Raises:
            NotFound: there is none, or the reader may not see it.
        """
        dag_id, run_id = self.dag_id(), self.needed("run")
        found = runs.run(desk.db, dag_id, run_id)
        if found is None:
            raise NotFound(f"DAG {dag_id!r} has no run {run_id!r}")
        return found


Reader = Callable[[Desk, Asked], Any]


_desks: WeakKeyDictionary[Site, Desk] = WeakKeyDictionary()


def desk_of(site: Site) -> Desk:
    """Return the desk of a server; it lives as long as that."""
    desk = _desks.get(site)
    return desk if desk is not None else _desks.setdefault(site, Desk(site))


def unix(time: datetime | None) -> float | None:
    """Return a time as Unix seconds, to the millisecond."""
    return None if time is None else round(time.timestamp(), 3)


def respond(request: Request, found: Any, seq: int) -> Response:
    """Return an answer as JSON, compressed and with an ETag.

    Args:
        request: what is answered.
        found: the answer.
        seq: the newest event that it surely knows of; the browser's stream goes on from there.
    """
    body = msgspec.json.encode(found)
    headers = {
        "Cache-Control": "private, no-cache",
        "Vary": "Accept-Encoding",
        SEQ_HEADER: str(seq),
    }
    tag = f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers["ETag"] = tag
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if len(body) > _WORTH_PACKING and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, 5, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type="application/json", headers=headers)
