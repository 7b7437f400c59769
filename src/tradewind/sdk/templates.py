"""Jinja in arguments: rendered in the task's own process, in a sandbox.

What is rendered: the fields that an operator names in `template_fields`, recursively through
lists, tuples, sets, dicts and objects that have `template_fields` themselves. Strings that end
in one of the operator's `template_ext` are names of files, looked for in the DAG's folder and
`template_searchpath`. Anything with a `resolve(context)` method (an XComArg, a `literal`, a
DAG param) stands for what that returns, as it is: data that comes from other tasks is never
rendered, whatever it looks like.

Jinja is loaded and an environment is made only when there is something to render.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from tradewind.errors import DagError
from tradewind.sdk import moments

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

_CONTAINERS = (list, tuple, dict)
_MARKS = ("{{", "{%", "{#")


# ---- environments -----------------------------------------------------------------------


@cache
def _environment_class(*, native: bool) -> type[SandboxedEnvironment]:
    from jinja2.nativetypes import NativeEnvironment  # noqa: PLC0415  many tasks have no template
    from jinja2.sandbox import (  # noqa: PLC0415
        SandboxedEnvironment,
        is_internal_attribute,
    )

    class Sandbox(SandboxedEnvironment):
        """Jinja's sandbox, but open for names with one leading underscore."""

        def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
            del value
            return not is_internal_attribute(obj, attr)

    class NativeSandbox(NativeEnvironment, Sandbox):
        """The sandbox whose templates give Python values instead of text."""

    return NativeSandbox if native else Sandbox


def make_environment(
    *,
    native: bool = False,
    searchpath: Sequence[str] = (),
    undefined: Any = None,
    macros: Mapping[str, Any] | None = None,
    filters: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> SandboxedEnvironment:
    """Return a Jinja environment.

    Args:
        native: templates give Python values instead of text.
        searchpath: folders in which template files are looked for.
        undefined: what a name that is not there becomes; StrictUndefined by default.
        macros: names that every template knows.
        filters: more filters.
        options: any other argument of Jinja's Environment; wins over the above.
    """
    import jinja2  # noqa: PLC0415  many tasks have no template

    arguments: dict[str, Any] = {
        "undefined": undefined or jinja2.StrictUndefined,
        "extensions": ["jinja2.ext.do"],
        "cache_size": 0,
        **(options or {}),
    }
    if searchpath:
        arguments.setdefault("loader", jinja2.FileSystemLoader(list(searchpath)))
    made = _environment_class(native=native)(**arguments)
    made.filters.update(_FILTERS)
    made.filters.update(filters or {})
    made.globals.update(macros or {})
    return made


_FILTERS: dict[str, Callable[..., Any]] = {
    "ds": moments.ds,
    "ds_nodash": moments.ds_nodash,
    "ts": moments.ts,
    "ts_nodash": moments.ts_nodash,
    "ts_nodash_with_tz": moments.ts_nodash_with_tz,
}


def environment(dag: Any, *, native: bool | None = None) -> SandboxedEnvironment:
    """Return the environment of a DAG's templates.

    Args:
        dag: the DAG; None for a task without one.
        native: overrules the DAG's `render_template_as_native_obj`.
    """
    if dag is None:
        return make_environment(native=bool(native))
    if native is None:
        native = bool(dag.render_template_as_native_obj)
    more = dag.template_searchpath or []
    return make_environment(
        native=native,
        searchpath=[*filter(None, [_folder(dag)]), *([more] if isinstance(more, str) else more)],
        undefined=dag.template_undefined,
        macros=dag.user_defined_macros,
        filters=dag.user_defined_filters,
        options=dag.jinja_environment_kwargs,
    )


def _folder(dag: Any) -> str:
    return str(dag.fileloc or "").rpartition("/")[0]


# ---- rendering --------------------------------------------------------------------------


class Renderer:
    """Render one task's values with one context.

    Args:
        task: whose `template_ext` and DAG apply.
        context: the template context.
        environment: a Jinja environment, else the DAG's is made when it is needed.
        data: values that came from other tasks and are left as they are.
    """

    def __init__(
        self,
        task: Any,
        context: Mapping[str, Any],
        environment: Any | None = None,
        data: Iterable[Any] = (),
    ) -> None:
        self._task = task
        self._context = context
        self._environment = environment
        self._native = environment is not None or _is_native(task)
        self._extensions = tuple(getattr(task, "template_ext", None) or ())
        self._data = tuple(data)  # kept, so that the ids stay theirs
        self._seen = {id(value) for value in self._data}

    def render(self, value: Any) -> Any:
        """Return a value with the templates in it rendered."""
        if id(value) in self._seen:
            return value
        if isinstance(value, str):
            return self._text(value)
        resolve = getattr(value, "resolve", None)
        if callable(resolve) and not _is_path(value):
            return resolve(self._context)
        return self._parts(value)

    def _parts(self, value: Any) -> Any:
        kind = type(value)
        if kind is tuple:
            return tuple(self.render(v) for v in value)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return kind(*(self.render(v) for v in value))
        if isinstance(value, list):
            return [self.render(v) for v in value]
        if isinstance(value, dict):
            return {k: self.render(v) for k, v in value.items()}
        if kind in {set, frozenset}:
            return kind(self.render(v) for v in value)
        self._nested(value)
        return value

    def fields(self, owner: Any, names: Iterable[str]) -> None:
        """Render these attributes of an object in place.

        Raises:
            DagError: the object has no such attribute.
        """
        for name in names:
            try:
                value = getattr(owner, name)
            except AttributeError:
                raise DagError(
                    f"{_describe(self._task)}: {name!r} is among the template_fields of"
                    f" {type(owner).__name__}, but it has no such attribute; set it in __init__"
                ) from None
            if value is None or isinstance(value, bool | int | float):
                continue
            if not value and type(value) in _CONTAINERS:
                setattr(owner, name, type(value)())
            else:
                setattr(owner, name, self.render(value))

    def _nested(self, value: Any) -> None:
        names = getattr(value, "template_fields", None)
        if names and not isinstance(value, type):
            self._seen.add(id(value))
            self.fields(value, names)

    def _text(self, text: str) -> Any:
        if self._extensions and text.endswith(self._extensions):
            return self._run(lambda env: env.get_template(text), text)
        if not self._native and "\r" not in text and not any(m in text for m in _MARKS):
            # What Jinja would make of it, without Jinja.
            return text.removesuffix("\n") if self._is_plain() else self._from_string(text)
        return self._from_string(text)

    def _is_plain(self) -> bool:
        """Tell whether Jinja's syntax is the usual one here."""
        dag = getattr(self._task, "dag", None)
        return not getattr(dag, "jinja_environment_kwargs", None)

    def _from_string(self, text: str) -> Any:
        return self._run(lambda env: env.from_string(text), text)

    def _run(self, compiled: Callable[[Any], Any], text: str) -> Any:
        import jinja2  # noqa: PLC0415  loaded when there is something to render

        if self._environment is None:
            self._environment = self._make()
        environment = self._environment
        try:
            return render_lazily(compiled(environment), self._context, environment)
        except jinja2.TemplateNotFound as error:
            places = getattr(environment.loader, "searchpath", [])
            raise DagError(
                f"{_describe(self._task)}: the template file {error.name!r} is not in"
                f" {' or '.join(places) or 'any folder'}. Put it there, add its folder to the"
                " DAG's template_searchpath, or end the string with a space if it is no file name"
            ) from error
        except jinja2.TemplateSyntaxError as error:
            raise DagError(
                f"{_describe(self._task)}: {error.message} in line {error.lineno} of the template"
                f" {_short(text)!r}"
            ) from error

    def _make(self) -> Any:
        # A task of the author's may bring an environment of its own.
        own = getattr(self._task, "get_template_env", None)
        if callable(own):
            return own()
        dag = getattr(self._task, "dag", None)
        return environment(dag, native=_is_native(self._task))


def render_lazily(template: Any, context: Mapping[str, Any], environment: Any) -> Any:
    """Return the template rendered; values of the context are made only if it uses them.

    Jinja's own `render` copies the context first, which would make them all.
    """
    names = _Names(context, template.globals)
    inner = template.new_context(names, shared=True)
    try:
        return environment.concat(template.root_render_func(inner))
    except Exception:  # noqa: BLE001  Jinja rewrites the traceback to the template's lines
        return environment.handle_exception()


class _Names(Mapping[str, Any]):
    """The context's names, then the environment's."""

    def __init__(self, context: Mapping[str, Any], more: Mapping[str, Any]) -> None:
        self._context = context
        self._more = more

    def __getitem__(self, name: str) -> Any:
        return self._context[name] if name in self._context else self._more[name]

    def __contains__(self, name: object) -> bool:
        return name in self._context or name in self._more

    def __iter__(self) -> Any:
        return iter({**dict.fromkeys(self._more), **dict.fromkeys(self._context)})

    def __len__(self) -> int:
        return len({*self._more, *self._context})

    def copy(self) -> dict[str, Any]:
        """Return what Jinja shows beside an error: without the context, which would be made."""
        return dict(self._more)


def _is_native(task: Any) -> bool:
    own = getattr(task, "render_template_as_native_obj", None)
    if own is not None:
        return bool(own)
    return bool(getattr(getattr(task, "dag", None), "render_template_as_native_obj", False))


def _is_path(value: Any) -> bool:
    return hasattr(value, "__fspath__")  # pathlib's resolve() is another thing


def _describe(task: Any) -> str:
    dag_id = getattr(getattr(task, "dag", None), "dag_id", None)
    where = f" of DAG {dag_id!r}" if dag_id else ""
    return f"task {getattr(task, 'task_id', '?')!r}{where}"


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:79] + "…"


# ---- the two doors for operators --------------------------------------------------------


def render_template_fields(task: Any, context: Any, jinja_env: Any | None = None) -> None:
    """Render a task's template fields in place."""
    Renderer(task, context, jinja_env).fields(task, task.template_fields)


def render_template(task: Any, value: Any, context: Any, jinja_env: Any | None = None) -> Any:
    """Return one value rendered with a task's templates' rules."""
    return Renderer(task, context, jinja_env).render(value)
