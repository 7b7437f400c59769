"""What commands share: the configuration, the database, and how things are looked up."""

from __future__ import annotations

import difflib
import getpass
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

import click

from tradewind.clock import Clock, SystemClock
from tradewind.errors import NotFound, UserError

if TYPE_CHECKING:
    # A database takes a tenth of a second to import; commands that need none do not pay.
    from click.shell_completion import CompletionItem

    from tradewind.config import Config
    from tradewind.model.run import Run
    from tradewind.store.connect import Database
    from tradewind.store.read.dags import DagRow
    from tradewind.store.read.scheduling import Version
    from tradewind.store.secrets import Secrets
    from tradewind.store.signal import Signal


_Command = TypeVar("_Command", bound=Callable[..., Any])


class Shell:
    """One invocation's view of the installation; what is not asked for is not opened."""

    def __init__(self, env: Mapping[str, str], clock: Clock | None = None) -> None:
        self.env = env
        self.clock = clock or SystemClock()

    @cached_property
    def config(self) -> Config:
        """The configuration."""
        from tradewind.config import load_config

        return load_config(self.env)

    @cached_property
    def db(self) -> Database:
        """The database, its schema checked."""
        from tradewind.store.connect import open_database
        from tradewind.store.migrate import check

        db = open_database(self.config.database.sql_alchemy_conn)
        check(db)
        return db

    @cached_property
    def signal(self) -> Signal:
        """The bell of the scheduler."""
        from tradewind.store.signal import Signal

        return Signal(self.db)

    @cached_property
    def secrets(self) -> Secrets:
        """Variables and connections, as they are stored."""
        from tradewind.store.secrets import configured_keys, open_secrets

        return open_secrets(self.db, configured_keys(self.config), self.env)

    @cached_property
    def actor(self) -> str:
        """Who asks, for the history."""
        try:
            return getpass.getuser()
        except (KeyError, OSError):
            return "cli"

    def dag(self, dag_id: str) -> DagRow:
        """Return a DAG.

        Raises:
            NotFound: there is none; the message names the nearest.
        """
        from tradewind.store.read import dags

        found = dags.dag(self.db, dag_id)
        if found is None:
            raise NotFound(missing("DAG", dag_id, dags.dag_ids(self.db), "tradewind dags list"))
        return found

    def version(self, dag_id: str) -> Version:
        """Return a DAG's latest version, with its tasks."""
        from tradewind.store.read import scheduling

        return scheduling.version(self.db, self.dag(dag_id).version_id)

    def run(self, dag_id: str, name: str) -> Run:
        """Return a run by its id or its logical date.

        Raises:
            NotFound: there is none; the message names the nearest.
        """
        from tradewind.store.read import runs

        self.dag(dag_id)
        found = runs.run(self.db, dag_id, name)
        if found is None:
            try:
                at = moment(name, self.config)
            except ValueError:
                at = None
            found = runs.run_at(self.db, dag_id, at) if at else None
        if found is None:
            known = [r.run_id for r in runs.runs(self.db, dag_id, limit=200)]
            where = f"tradewind dags list-runs {dag_id}"
            raise NotFound(missing(f"run of DAG {dag_id!r}", name, known, where))
        return found


def missing(kind: str, name: str, known: Iterable[str], where: str) -> str:
    """Return the message about a thing that does not exist."""
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"see `{where}`"
    return f"there is no {kind} {name!r}; {hint}"


def moment(text: str, config: Config) -> datetime:
    """Return the time of an ISO date; without a zone it is in the default time zone.

    Raises:
        ValueError: it is no date.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        at = at.replace(tzinfo=ZoneInfo(config.core.default_timezone))
    return at.astimezone(UTC)


class Moment(click.ParamType[datetime]):
    """A date or time on the command line."""

    name = "DATE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the time."""
        if isinstance(value, datetime):
            return value
        shell = ctx.find_object(Shell) if ctx else None
        try:
            return moment(value, (shell or Shell({})).config)
        except ValueError:
            self.fail(f"{value!r} is not a date like 2026-03-01 or 2026-03-01T06:30+02:00")


class DagId(click.ParamType[str]):
    """A DAG id; the shell completes it."""

    name = "DAG_ID"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it as it is: whether there is such a DAG is asked later."""
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the DAGs that begin so; none when there is no database."""
        from click.shell_completion import CompletionItem

        from tradewind.errors import TradewindError
        from tradewind.store.read import dags

        try:
            known = dags.dag_ids((ctx.find_object(Shell) or Shell({})).db)
        except TradewindError:
            return []
        return [CompletionItem(dag_id) for dag_id in known if dag_id.startswith(incomplete)]


def conf_of(text: str | None) -> dict[str, Any]:
    """Return the run configuration of a JSON text.

    Raises:
        UserError: it is not a JSON object.
    """
    if not text:
        return {}
    try:
        conf = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"--conf is not JSON: {error}") from error
    if not isinstance(conf, dict):
        raise UserError(f"--conf must be a JSON object, like '{{\"key\": 1}}', not {text}")
    return conf


def trying_options(command: _Command) -> _Command:
    """Add the options of commands that run user code with no server."""
    file = click.option(
        "-f",
        "--file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="The DAG file; by default the one that the DAG processor found.",
    )
    variables = click.option(
        "--variables", type=click.Path(exists=True), help="Variables: .json, .yaml, .env."
    )
    connections = click.option(
        "--connections", type=click.Path(exists=True), help="Connections, likewise."
    )
    return file(variables(connections(command)))


def given_options(*options: tuple[str, str | None]) -> list[str]:
    """Return options and values as words of a command line, those without a value left out."""
    return [word for name, value in options if value is not None for word in (name, value)]


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that is not undone; without a terminal, insist on --yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UserError(f"{question} Say --yes to do it without being asked.")
    click.confirm(question, abort=True, err=True)
