"""Jinja templates in arguments: rendered in the task's process, in a sandbox."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.nativetypes import NativeEnvironment
from jinja2.sandbox import SandboxedEnvironment

from tradewind.sdk.xcom_arg import XComArg, resolve_in

_FILTERS = {
    "ds": lambda d: d.strftime("%Y-%m-%d"),
    "ds_nodash": lambda d: d.strftime("%Y%m%d"),
    "ts": lambda d: d.isoformat(),
    "ts_nodash": lambda d: d.strftime("%Y%m%dT%H%M%S"),
    "ts_nodash_with_tz": lambda d: d.isoformat().replace("-", "").replace(":", ""),
}


class _Sandbox(SandboxedEnvironment):
    """Jinja's sandbox, open for attributes with one underscore (as Airflow's)."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Tell whether a template may read an attribute."""
        del obj, value
        return not attr.startswith("__")


class _NativeSandbox(NativeEnvironment, _Sandbox):
    """The sandbox that gives Python values instead of text."""


def environment(dag: Any, *, native: bool) -> SandboxedEnvironment:
    """Return the DAG's environment."""
    paths = [str(Path(dag.fileloc).parent)] if dag.fileloc else []
    extra = dag.template_searchpath
    paths += [extra] if isinstance(extra, str) else list(extra or [])
    kind = _NativeSandbox if native else _Sandbox
    made = kind(
        loader=FileSystemLoader(paths),
        undefined=dag.template_undefined or StrictUndefined,
        extensions=["jinja2.ext.do"],
        cache_size=0,
        **(dag.jinja_environment_kwargs or {}),
    )
    made.filters.update(_FILTERS)
    made.filters.update(dag.user_defined_filters or {})
    made.globals.update(dag.user_defined_macros or {})
    return made


def render_fields(task: Any, context: Any) -> dict[str, Any]:
    """Render a task's template fields in place and return them."""
    rendered: dict[str, Any] = {}
    for name in task.template_fields:
        value = getattr(task, name, None)
        if value is None:
            continue
        value = render_template(task, value, context)
        object.__setattr__(task, name, value)
        rendered[name] = value
    return rendered


def render_template(task: Any, value: Any, context: Any) -> Any:
    """Return a value with outputs resolved and templates in its strings rendered."""
    if not needs_rendering(value):
        return value
    if isinstance(value, XComArg):
        return resolve_in(value, context)
    native = task.render_template_as_native_obj
    if native is None:
        native = task.dag.render_template_as_native_obj
    return _render(value, context, environment(task.dag, native=native), tuple(task.template_ext))


def needs_rendering(value: Any) -> bool:
    """Tell, cheaply, whether there is anything to render in a value."""
    if isinstance(value, str):
        return "{" in value or value.endswith((".sh", ".bash", ".sql", ".txt", ".json", ".yaml"))
    if isinstance(value, dict):
        return any(needs_rendering(v) for v in value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return any(needs_rendering(v) for v in value)
    return not isinstance(value, bool | int | float | datetime | bytes) and value is not None


def _render(value: Any, context: Any, env: Any, extensions: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        if extensions and value.endswith(extensions):
            return env.get_template(value).render(**context)
        return env.from_string(value).render(**context) if "{" in value else value
    if isinstance(value, XComArg):
        return value.resolve(context)
    if hasattr(value, "resolve") and hasattr(value, "name"):
        return value.resolve(context)
    if isinstance(value, dict):
        return {k: _render(v, context, env, extensions) for k, v in value.items()}
    if isinstance(value, list):
        return [_render(v, context, env, extensions) for v in value]
    if type(value) in {tuple, set, frozenset}:
        return type(value)(_render(v, context, env, extensions) for v in value)
    for name in getattr(value, "template_fields", ()):
        object.__setattr__(value, name, _render(getattr(value, name), context, env, extensions))
    return value
