"""Call a function in another Python: its source goes there, its arguments and result as bytes.

The function stands alone there: nothing of its module goes with it but its own lines, so it
imports what it needs inside its body. Arguments, and what it returns, are pickled (or written
by cloudpickle or dill, where both Pythons have that). Of the template context it is given what
can go: texts, numbers, dates, params.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import textwrap
from collections.abc import Callable, Container, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from tradewind.errors import DagError
from tradewind.sdk.exceptions import AirflowException, AirflowSkipException
from tradewind.sdk.hooks.subprocess import SubprocessHook
from tradewind.sdk.injection import determine_kwargs

SERIALIZERS = ("pickle", "cloudpickle", "dill")
_SCRIPT = Path(__file__).with_name("foreign_script.py")

_PLAIN = (
    "ds",
    "ds_nodash",
    "expanded_ti_count",
    "inlets",
    "map_index_template",
    "outlets",
    "run_id",
    "task_instance_key_str",
    "test_mode",
    "ts",
    "ts_nodash",
    "ts_nodash_with_tz",
    "try_number",
)
_DATES = (
    "data_interval_end",
    "data_interval_start",
    "logical_date",
    "prev_data_interval_end_success",
    "prev_data_interval_start_success",
    "prev_end_date_success",
    "prev_start_date_success",
)
PORTABLE = frozenset({*_PLAIN, *_DATES, "params"})
"""The values of the template context that can go into another Python."""


class Source(NamedTuple):
    """A function as text. line: how many lines stand above it in its file."""

    name: str
    text: str
    file: str
    line: int
    is_async: bool


def source_of(function: Callable[..., Any], where: str) -> Source:
    """Return a function's source without its decorators.

    Raises:
        DagError: it has none to be found, or is a lambda.
    """
    function = inspect.unwrap(function)
    try:
        lines, first = inspect.getsourcelines(function)
        file = inspect.getsourcefile(function) or "task.py"
    except (OSError, TypeError) as error:
        raise DagError(
            f"{where}: python_callable: its source cannot be read ({error}), and another Python "
            "needs it; write it as a def in the DAG file"
        ) from None
    text = textwrap.dedent("".join(lines))
    try:
        node = ast.parse(text).body[0]
    except SyntaxError:
        node = None  # a lambda in the middle of a call
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        raise DagError(
            f"{where}: python_callable: only a function with a name goes into another Python; "
            "write a def instead of a lambda"
        )
    skipped = node.lineno - 1  # the decorators stand above
    own = "".join(text.splitlines(keepends=True)[skipped:])
    is_async = isinstance(node, ast.AsyncFunctionDef)
    return Source(node.name, own, file, first - 1 + skipped, is_async)


def portable_context(function: Callable[..., Any], args: Sequence[Any], context: Any) -> Any:
    """Return what a function names of the context and can have."""
    there = {name: name for name in PORTABLE if name in context}
    wanted = determine_kwargs(inspect.unwrap(function), args, there)
    return {name: _plain(name, context[name]) for name in wanted}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, datetime):  # pendulum's need pendulum on the other side
        zone = value.utcoffset()
        plain = datetime.fromisoformat(value.isoformat())
        return plain if zone is not None else plain.replace(tzinfo=None)
    if name == "params":
        return dict(value)
    if name in {"inlets", "outlets"}:
        return [str(getattr(one, "uri", one)) for one in value]
    return value


class ForeignFiles:
    """What is laid down for a call in another Python: see `foreign_script`.

    Args:
        serializer: "pickle", "cloudpickle" or "dill".
        string_args: what the function finds as `virtualenv_string_args`.
    """

    def __init__(self, serializer: str, string_args: Sequence[str] = ()) -> None:
        self._name = serializer
        self._string_args = list(string_args)

    def of(
        self, source: Source, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> dict[str, bytes]:
        """Return the files by name, the script among them: its folder is where imports look first.

        Raises:
            AirflowException: the arguments cannot be written.
        """
        call = source._asdict() | {
            "serializer": self._name,
            "string_args": self._string_args,
        }
        return {
            "arguments": self._dumped(self.serializer(), (list(args), dict(kwargs))),
            "function.txt": source.text.encode(),
            _SCRIPT.name: _SCRIPT.read_bytes(),
            "call.json": json.dumps(call).encode(),
        }

    def serializer(self) -> Any:
        """Return the module that writes arguments and reads results.

        Raises:
            AirflowException: it is not installed here.
        """
        try:
            return importlib.import_module(self._name)
        except ImportError as error:
            raise AirflowException(
                f"serializer={self._name!r}: it is not installed beside Tradewind on this "
                f"worker ({error}); install it, or use serializer='pickle'"
            ) from None

    def _dumped(self, serializer: Any, value: Any) -> bytes:
        try:
            data: bytes = serializer.dumps(value)
        except Exception as error:
            raise AirflowException(
                f"the arguments cannot be written by {self._name} for the other Python: "
                f"{type(error).__name__}: {error}; pass plain values, or use "
                "serializer='cloudpickle'"
            ) from error
        return data


class ForeignCall:
    """One call in another Python.

    Args:
        python: its interpreter.
        serializer: "pickle", "cloudpickle" or "dill".
        env: its whole environment.
        skip_on_exit_code: exit codes that mean "skipped".
        string_args: what the function finds as `virtualenv_string_args`.
    """

    def __init__(
        self,
        python: str,
        *,
        serializer: str,
        env: Mapping[str, str],
        skip_on_exit_code: Container[int] = (),
        string_args: Sequence[str] = (),
    ) -> None:
        self._python = python
        self._files = ForeignFiles(serializer, string_args)
        self._env = env
        self._skip = skip_on_exit_code
        self._hook = SubprocessHook()

    def run(self, source: Source, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Call the function and return what it returned.

        Raises:
            AirflowException: it raised, its process died, or something cannot be pickled.
            AirflowSkipException: it ended with an exit code that means so.
        """
        with TemporaryDirectory(prefix="tradewind-") as folder:
            place = Path(folder)
            for name, data in self._files.of(source, args, kwargs).items():
                (place / name).write_bytes(data)
            done = self._hook.run_command(
                [self._python, str(place / _SCRIPT.name), folder],
                env=self._env,
                cwd=os.getcwd(),  # noqa: PTH109
            )
            if done.exit_code in self._skip:
                raise AirflowSkipException(
                    f"the function ended with exit code {done.exit_code}: skipped"
                )
            if done.exit_code != 0:
                raise AirflowException(self._failure(place, source.name, done))
            return self._files.serializer().loads((place / "result").read_bytes())

    def _failure(self, place: Path, name: str, done: Any) -> str:
        where = f"{name}() in {self._python}"
        error = place / "error.json"
        if error.exists():
            told = json.loads(error.read_text(encoding="utf-8"))
            return f"{where} raised {told['type']}: {told['text']}"
        if done.exit_code < 0:
            return f"{where} was killed by signal {-done.exit_code}"
        last = f": {done.output}" if done.output else ""
        return f"{where} ended with exit code {done.exit_code}{last}"

    def stop(self) -> None:
        """Ask the process to stop."""
        self._hook.send_sigterm()
