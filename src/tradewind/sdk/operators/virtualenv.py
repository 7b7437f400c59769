"""Call a function in another Python: one that is made for it, or one that is there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from tradewind.errors import DagError
from tradewind.sdk import venvs
from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.foreign_call import SERIALIZERS, ForeignCall, portable_context, source_of
from tradewind.sdk.hooks.package_index import PackageIndexHook
from tradewind.sdk.operators.python import PythonOperator
from tradewind.sdk.operators.skipping import BranchMixIn


class _ForeignPythonOperator(PythonOperator):
    """What both kinds have in common; they say which Python it is."""

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        serializer: str | None = None,
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        string_args: Collection[str] | None = None,
        templates_dict: dict[str, Any] | None = None,
        templates_exts: Sequence[str] | None = None,
        expect_airflow: bool = True,
        skip_on_exit_code: int | Container[int] | None = None,
        env_vars: Mapping[str, str] | None = None,
        inherit_env: bool = True,
        use_dill: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            python_callable=python_callable,
            op_args=op_args,
            op_kwargs=op_kwargs,
            templates_dict=templates_dict,
            templates_exts=templates_exts,
            **kwargs,
        )
        chosen = serializer or ("dill" if use_dill else "pickle")
        if chosen not in SERIALIZERS:
            raise DagError(
                f"{self.described}: serializer: {chosen!r} is not one of {', '.join(SERIALIZERS)}"
            )
        self.serializer = chosen
        self.string_args = list(string_args or ())
        self.expect_airflow = expect_airflow
        self.skip_on_exit_code: Container[int] = (
            ()
            if skip_on_exit_code is None
            else (skip_on_exit_code,)
            if isinstance(skip_on_exit_code, int)
            else skip_on_exit_code
        )
        self.env_vars = dict(env_vars or {})
        self.inherit_env = inherit_env
        self._source = source_of(python_callable, self.described)
        self._running: ForeignCall | None = None

    def _interpreter(self) -> str:
        """Return the Python to call the function in."""
        raise NotImplementedError

    def call(self, context: Any) -> Any:
        """Call the function in the other Python and return its result."""
        inherited = os.environ if self.inherit_env else _bare_environment()
        call = ForeignCall(
            self._interpreter(),
            serializer=self.serializer,
            env={**inherited, **self.env_vars},
            skip_on_exit_code=self.skip_on_exit_code,
            string_args=self.string_args,
        )
        self._running = call
        filled = portable_context(self.python_callable, tuple(self.op_args), context)
        kwargs = {**filled, **dict(self.op_kwargs)}
        if self.templates_dict and "templates_dict" in filled:
            kwargs["templates_dict"] = self.templates_dict
        return call.run(self._source, tuple(self.op_args), kwargs)

    def on_kill(self) -> None:
        """Ask the other Python to stop."""
        if self._running is not None:
            self._running.stop()


def _bare_environment() -> dict[str, str]:
    """Return what a process needs to start at all, and what tells it the task."""
    kept = {"HOME", "LANG", "PATH", "TMPDIR"}
    return {k: v for k, v in os.environ.items() if k in kept or k.startswith("AIRFLOW_CTX_")}


class PythonVirtualenvOperator(_ForeignPythonOperator):
    """Call a function in a virtual environment that has the packages it needs.

    The environment is made once for each set of requirements and kept; `uv` makes it where it
    is installed. The function must import what it uses inside its body; it is given the values
    of the template context that can leave the process: texts, numbers, dates, params.

    Args:
        python_callable: the function: a def, no lambda.
        requirements: packages, as in a requirements file: a list, text with a line for each, or
            the name of a .txt file that is rendered first; templated.
        python_version: like "3.12"; by default this Python's.
        serializer: how arguments and the result go between: "pickle", "cloudpickle" or "dill".
        system_site_packages: let the function see this Python's packages too.
        pip_install_options: further options of the installation.
        op_args: the function's positional arguments; templated.
        op_kwargs: its keyword arguments; templated. They win over the context.
        string_args: texts that the function finds as the global `virtualenv_string_args`.
        templates_dict: values to render; the function finds them as `templates_dict`.
        templates_exts: endings of names of files whose content is rendered instead.
        expect_airflow: has no effect.
        skip_on_exit_code: exit codes that end the task as skipped.
        index_urls: package indexes; the first replaces PyPI; templated.
        index_urls_from_connection_ids: connections (type package_index) whose hosts are indexes.
        venv_cache_path: where environments are kept; by default `$TRADEWIND_HOME/venvs`.
        env_vars: more environment variables; templated.
        inherit_env: whether the function sees this process's environment.
    """

    template_fields: Sequence[str] = (
        *PythonOperator.template_fields,
        *("requirements", "index_urls", "venv_cache_path", "env_vars"),
    )
    template_ext: Sequence[str] = (".txt",)
    ui_color = "#8a61ff"

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        requirements: str | Sequence[str] | None = None,
        python_version: str | float | None = None,
        system_site_packages: bool = False,
        pip_install_options: Sequence[str] | None = None,
        index_urls: str | Sequence[str] | None = None,
        index_urls_from_connection_ids: str | Sequence[str] | None = None,
        venv_cache_path: str | os.PathLike[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(python_callable=python_callable, **kwargs)
        self.requirements: str | list[str] = (
            requirements if isinstance(requirements, str) else list(requirements or ())
        )
        self.python_version = None if python_version is None else str(python_version)
        self.system_site_packages = system_site_packages
        self.pip_install_options = list(pip_install_options or ())
        self.index_urls = [index_urls] if isinstance(index_urls, str) else list(index_urls or ())
        ids = index_urls_from_connection_ids
        self.index_urls_from_connection_ids = [ids] if isinstance(ids, str) else list(ids or ())
        self.venv_cache_path = None if venv_cache_path is None else os.fspath(venv_cache_path)

    def _interpreter(self) -> str:
        asked = self.requirements
        lines = asked.splitlines() if isinstance(asked, str) else asked
        wanted = [str(line).strip() for line in lines]
        if self.serializer != "pickle":
            wanted.append(self.serializer)
        from_connections = [
            PackageIndexHook(name).get_connection_url()
            for name in self.index_urls_from_connection_ids
        ]
        recipe = venvs.Recipe(
            requirements=tuple(dict.fromkeys(line for line in wanted if line)),
            python_version=self.python_version,
            system_site_packages=self.system_site_packages,
            options=tuple(self.pip_install_options),
            index_urls=(*self.index_urls, *from_connections),
        )
        folder = Path(self.venv_cache_path) if self.venv_cache_path else venvs.default_folder()
        return str(venvs.interpreter(recipe, folder))


class ExternalPythonOperator(_ForeignPythonOperator):
    """Call a function in a Python that is there already, with the packages that it has.

    Args:
        python: the path of its interpreter on the worker; templated.
        python_callable: the function: a def, no lambda; it imports what it uses inside its body.
        expect_pendulum: has no effect: dates go as the standard library's.
        kwargs: as of PythonVirtualenvOperator: serializer, op_args, op_kwargs, string_args,
            templates_dict, templates_exts, skip_on_exit_code, env_vars, inherit_env.
    """

    template_fields: Sequence[str] = ("python", *PythonOperator.template_fields, "env_vars")
    ui_color = "#8a61ff"

    def __init__(
        self,
        *,
        python: str | os.PathLike[str],
        python_callable: Callable[..., Any],
        expect_pendulum: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(python_callable=python_callable, **kwargs)
        if not python:
            raise DagError(f"{self.described}: python: the path of an interpreter is needed")
        self.python = os.fspath(python)
        self.expect_pendulum = expect_pendulum

    def _interpreter(self) -> str:
        found = shutil.which(self.python)
        if found is None:
            raise AirflowException(
                f"{self.described}: python: there is no program {self.python!r} on this worker; "
                "give the full path of the interpreter, like /opt/venv/bin/python"
            )
        return found


class BranchPythonVirtualenvOperator(PythonVirtualenvOperator, BranchMixIn):
    """Follow the tasks whose ids the function returns; it runs in a virtual environment."""

    def execute(self, context: Any) -> Any:
        """Call the function and skip what it did not choose."""
        return self.do_branch(context, self.call(context))


class BranchExternalPythonOperator(ExternalPythonOperator, BranchMixIn):
    """Follow the tasks whose ids the function returns; it runs in another Python."""

    def execute(self, context: Any) -> Any:
        """Call the function and skip what it did not choose."""
        return self.do_branch(context, self.call(context))
