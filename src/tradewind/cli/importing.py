"""Bring over what an Airflow's metadata DB holds; `tradewind migrate import` shows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from tradewind.store import past_runs
from tradewind.store.pools import all_pools, set_pool

if TYPE_CHECKING:
    from tradewind.cli.shell import Shell
    from tradewind.store.airflow_db import AirflowDatabase, FernetKeys, PastRun

PARTS = ("connections", "variables", "pools", "runs")


class Brought(msgspec.Struct, kw_only=True):
    """What became of one kind of thing. left_out: the reason, with how many."""

    what: str
    imported: int = 0
    existing: int = 0
    left_out: dict[str, int] = {}

    def leave_out(self, reason: str, count: int = 1) -> None:
        """Count what is not brought over."""
        self.left_out[reason] = self.left_out.get(reason, 0) + count


class Importer:
    """Copies from an Airflow.

    Args:
        shell: where to.
        source: where from.
        keys: Airflow's fernet keys.
        overwrite: replace connections, variables and pools that exist.
        dry_run: only count.
    """

    def __init__(
        self,
        shell: Shell,
        source: AirflowDatabase,
        keys: FernetKeys,
        *,
        overwrite: bool,
        dry_run: bool,
    ) -> None:
        self._shell = shell
        self._source = source
        self._keys = keys
        self._overwrite = overwrite
        self._dry_run = dry_run

    def connections(self) -> Brought:
        """Bring the connections; all are decrypted before the first is stored."""
        found = list(self._source.connections(self._keys))
        existing = dict(self._shell.secrets.connection_ids())
        wanted = [value for value in found if self._overwrite or value.conn_id not in existing]
        for value in () if self._dry_run else wanted:
            self._shell.secrets.set_connection(value)
        return self._told("connections", found, wanted)

    def variables(self) -> Brought:
        """Bring the variables, likewise."""
        found = list(self._source.variables(self._keys))
        existing = set(self._shell.secrets.variable_keys())
        wanted = [value for value in found if self._overwrite or value.key not in existing]
        for value in () if self._dry_run else wanted:
            self._shell.secrets.set_variable(value.key, value.value, value.description)
        return self._told("variables", found, wanted)

    def pools(self) -> Brought:
        """Bring the pools. The default pool exists always, and takes Airflow's slots."""
        found = list(self._source.pools())
        existing = {pool.name for pool in all_pools(self._shell.db)} - {"default_pool"}
        wanted = [pool for pool in found if self._overwrite or pool.name not in existing]
        if not self._dry_run and wanted:
            with self._shell.db.write() as conn:
                for pool in wanted:
                    set_pool(conn, pool)
        return self._told("pools", found, wanted)

    def runs(self, step: Callable[[int], None]) -> Brought:
        """Bring the runs that have ended, some in each transaction; what is here is left alone.

        Args:
            step: told how many runs were looked at.
        """
        told = Brought(what="runs")
        _, going = self._source.count_runs()
        if going:
            told.leave_out("have not ended in Airflow", going)
        for some in self._source.runs():
            self._bring(some, told)
            step(len(some))
        if not self._dry_run:
            self._shell.signal.ring()
        return told

    def _bring(self, some: Sequence[PastRun], told: Brought) -> None:
        with self._shell.db.read() as conn:
            pins, known = past_runs.pins(conn), past_runs.known(conn, some)
        wanted: list[PastRun] = []
        for run in some:
            if run.dag_id not in pins:
                told.leave_out("their DAG is not here (point the DAG processor at it first)")
            elif (run.dag_id, run.run_id) in known:
                told.existing += 1
            else:
                wanted.append(run)
        if self._dry_run:
            told.imported += len(wanted)
        elif wanted:
            self._store(wanted, pins, told)

    def _store(
        self, wanted: Sequence[PastRun], pins: dict[str, past_runs.Pinned], told: Brought
    ) -> None:
        with self._shell.db.write() as conn:
            newest: dict[str, PastRun] = {}
            for run in wanted:
                if not past_runs.insert_past(conn, run, pins[run.dag_id]):
                    told.leave_out("another run has their logical date")
                    continue
                told.imported += 1
                if run.conf is None:
                    told.leave_out("are here without their conf, which is no plain data")
                ahead = newest.get(run.dag_id)
                if run.run_type == "scheduled" and (not ahead or ahead.run_after < run.run_after):
                    newest[run.dag_id] = run
            for run in newest.values():
                past_runs.advance_calendar(conn, run, self._shell.clock.now())

    def _told(self, what: str, found: Sequence[object], wanted: Sequence[object]) -> Brought:
        return Brought(what=what, imported=len(wanted), existing=len(found) - len(wanted))
