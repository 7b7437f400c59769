"""@asset: a function that makes an asset; it becomes a DAG with one task, both named like it.

    @asset(uri="s3://bucket/prices", schedule="@daily")
    def prices():
        ...

    @asset(schedule=prices)
    def report(prices):
        ...

A parameter that has the name of another asset stands for that asset; `self` is the asset that
is made, `context` the template context.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, overload

from tradewind.sdk.arguments import ArgumentError
from tradewind.sdk.assets import Asset, AssetAccessControl, AssetRef, AssetWatcher, BaseAsset
from tradewind.sdk.dag_definition import DAG
from tradewind.sdk.operators.python import PythonOperator
from tradewind.sdk.user_function import call_user_function

_OWN = ("self", "context")

_made: dict[str, Asset] = {}
"""The assets that decorated functions of this process make, by name."""


class AssetOperator(PythonOperator):
    """Call the function that makes an asset.

    Args:
        definition: the decorated function's asset, given to the function as `self`.
        kwargs: of PythonOperator.
    """

    custom_operator_name = "@asset"

    def __init__(self, *, definition: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.definition = definition

    def call(self, context: Any) -> Any:
        """Call the function with the assets that its parameters name."""
        kwargs = {name: _named(name) for name in _inlet_names(self.python_callable)}
        parameters = inspect.signature(self.python_callable).parameters
        own = {"self": self.definition, "context": context}
        kwargs |= {name: own[name] for name in _OWN if name in parameters}
        return call_user_function(self.python_callable, (), kwargs, context)


def _inlet_names(function: Callable[..., Any]) -> Iterator[str]:
    from tradewind.sdk.signatures import CONTEXT_NAMES  # noqa: PLC0415  only @asset needs it

    for parameter in inspect.signature(function).parameters.values():
        named = parameter.kind in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}
        if not named or parameter.name in _OWN or parameter.default is not parameter.empty:
            continue
        if parameter.name not in CONTEXT_NAMES:
            yield parameter.name


def _named(name: str) -> Asset | AssetRef:
    return _made.get(name) or Asset.ref(name=name)


class AssetDefinition(Asset):
    """The asset that a decorated function makes."""

    def __init__(self, function: Callable[..., Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.function = function
        self.__doc__ = function.__doc__

    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        """Refuse: its schedule runs it."""
        raise ArgumentError(
            f"@asset {self.name!r} is not called: it is a DAG already, which its schedule runs"
        )


class MultiAssetDefinition(BaseAsset):
    """Several assets that one decorated function makes."""

    def __init__(self, name: str, function: Callable[..., Any], outlets: Sequence[Any]) -> None:
        self.name = name
        self.function = function
        self.outlets = list(outlets)

    def condition(self) -> Any:
        """Return the condition: new events of all of them."""
        from tradewind.sdk.assets import AssetAll  # noqa: PLC0415  beside its siblings

        return AssetAll(*self.outlets).condition()


def _register(
    name: str, function: Callable[..., Any], definition: Any, outlets: Sequence[Any], kwargs: Any
) -> None:
    """Make the DAG and its task."""
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            raise ArgumentError(f"@asset {name!r}: *{parameter.name}: name the assets one by one")
    dag_id = kwargs.pop("dag_id", None) or name
    kwargs.setdefault("schedule", None)
    kwargs.setdefault("catchup", False)
    kwargs.setdefault("doc_md", inspect.getdoc(function))
    display_name = kwargs.pop("display_name", None)
    if display_name:
        kwargs.setdefault("dag_display_name", display_name)
    with DAG(dag_id, **kwargs):
        AssetOperator(
            task_id=name,
            definition=definition,
            python_callable=function,
            inlets=[Asset.ref(name=inlet) for inlet in _inlet_names(function)],
            outlets=list(outlets),
        )


class _AssetDecorator:
    """The object behind the name `asset`."""

    @overload
    def __call__(self, function: Callable[..., Any], /) -> AssetDefinition: ...
    @overload
    def __call__(
        self,
        *,
        name: str | None = None,
        uri: str | None = None,
        group: str | None = None,
        extra: Mapping[str, Any] | None = None,
        watchers: Sequence[AssetWatcher] = (),
        access_control: AssetAccessControl | None = None,
        **dag_arguments: Any,
    ) -> Callable[[Callable[..., Any]], AssetDefinition]: ...
    def __call__(
        self,
        function: Callable[..., Any] | None = None,
        *,
        name: str | None = None,
        uri: str | None = None,
        group: str | None = None,
        extra: Mapping[str, Any] | None = None,
        watchers: Sequence[AssetWatcher] = (),
        access_control: AssetAccessControl | None = None,
        **dag_arguments: Any,
    ) -> Any:
        """Turn a function into an asset, and the DAG with the task that makes it.

        Args:
            function: the function.
            name: the asset's, the DAG's and the task's; by default the function's.
            uri: of the asset.
            group: of the asset.
            extra: of the asset.
            watchers: of the asset.
            access_control: of the asset.
            dag_arguments: of the DAG: schedule, tags, params, ...
        """

        def decorate(decorated: Callable[..., Any]) -> AssetDefinition:
            own = name or decorated.__name__
            definition = AssetDefinition(
                decorated,
                name=own,
                uri=uri,
                group=group,
                extra=extra,
                watchers=watchers,
                access_control=access_control,
            )
            _made[own] = definition
            _register(own, decorated, definition, [definition], dict(dag_arguments))
            return definition

        return decorate if function is None else decorate(function)

    def multi(
        self, *, outlets: Sequence[Any], name: str | None = None, **dag_arguments: Any
    ) -> Callable[[Callable[..., Any]], MultiAssetDefinition]:
        """Turn a function into the DAG with the task that makes several assets.

        Args:
            outlets: the assets.
            name: the DAG's and the task's; by default the function's.
            dag_arguments: of the DAG: schedule, tags, params, ...

        Raises:
            ArgumentError: there are no outlets.
        """
        if not outlets:
            raise ArgumentError("@asset.multi: outlets: name at least one asset")

        def decorate(decorated: Callable[..., Any]) -> MultiAssetDefinition:
            own = name or decorated.__name__
            definition = MultiAssetDefinition(own, decorated, outlets)
            _register(own, decorated, definition, outlets, dict(dag_arguments))
            return definition

        return decorate


asset = _AssetDecorator()
"""`@asset`, `@asset(...)`, `@asset.multi(outlets=[...])`."""
