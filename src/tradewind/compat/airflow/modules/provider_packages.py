"""`ProvidersManager`: what provider packages ask about each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tradewind.errors import DagError
from tradewind.sdk import providers as installed


class ProviderInfo(NamedTuple):
    """A provider package: its version, and what it says of itself."""

    version: str
    data: Mapping[str, Any]


class HookInfo(NamedTuple):
    """A hook and the type of connections that it is for."""

    hook_class_name: str
    connection_id_attribute_name: str
    package_name: str
    hook_name: str
    connection_type: str
    connection_testable: bool
    dialects: tuple[str, ...] = ()


class Hooks(Mapping[str, HookInfo | None]):
    """Hooks by type of connection; a hook is imported when it is looked up."""

    def __getitem__(self, conn_type: str) -> HookInfo | None:
        kind = installed.connection_kinds()[conn_type]
        try:
            hook = installed.imported(kind.hook)
        except DagError:
            return None
        return HookInfo(
            hook_class_name=kind.hook,
            connection_id_attribute_name=getattr(hook, "conn_name_attr", "conn_id"),
            package_name=kind.package,
            hook_name=getattr(hook, "hook_name", conn_type),
            connection_type=conn_type,
            connection_testable=hasattr(hook, "test_connection"),
        )

    def __iter__(self) -> Iterator[str]:
        return iter(installed.connection_kinds())

    def __len__(self) -> int:
        return len(installed.connection_kinds())


class ProvidersManager:
    """What is installed, by kind."""

    @property
    def providers(self) -> dict[str, ProviderInfo]:
        """The packages by name."""
        return {
            name: ProviderInfo(one.version, one.info) for name, one in installed.providers().items()
        }

    @property
    def hooks(self) -> Hooks:
        """The hooks by type of connection."""
        return Hooks()

    @property
    def dialects(self) -> Mapping[str, installed.Dialect]:
        """The SQL dialects by name."""
        return installed.dialects()

    def initialize_providers_queues(self) -> None:
        """Do nothing: packages are asked when it matters."""

    @property
    def queue_class_names(self) -> list[str]:
        """The class paths of the message queues that packages know."""
        return list(installed.message_queues())

    @property
    def filesystem_module_names(self) -> list[str]:
        """The modules that make file systems."""
        return list(installed.filesystem_modules())

    @property
    def asset_uri_handlers(self) -> Mapping[str, Any]:
        """What checks and normalises URIs of assets, by scheme."""
        return installed.asset_handlers("handler")

    @property
    def asset_factories(self) -> Mapping[str, Any]:
        """What makes assets, by scheme."""
        return installed.asset_handlers("factory")


ProvidersManagerTaskRuntime = ProvidersManager
