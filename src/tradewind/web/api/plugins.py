"""Plugins and providers: what is installed beside Tradewind."""

from __future__ import annotations

from functools import cache
from importlib.metadata import distributions
from typing import Any

from tradewind.store.read.paging import Page
from tradewind.web.access import Access
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.shapes import Shape, bounded_limit

routes = Routes("Plugin")
_PREFIX = "apache-airflow-providers-"


class ProviderResponse(Shape):
    """A package of operators and hooks."""

    package_name: str
    version: str
    description: str
    documentation_url: str | None


class ProviderCollectionResponse(Shape):
    """Packages of operators and hooks."""

    providers: list[ProviderResponse]
    total_entries: int


class PluginCollectionResponse(Shape):
    """Plugins: none, because servers load no code but their own."""

    plugins: list[dict[str, Any]]
    total_entries: int


class PluginImportErrorCollectionResponse(Shape):
    """Plugins that could not be loaded: none."""

    import_errors: list[dict[str, Any]]
    total_entries: int


@routes.get("/api/v2/plugins", Access.VIEW)
def get_plugins(call: Call[Page, None]) -> PluginCollectionResponse:
    """List plugins: none, because servers load no code but their own."""
    del call
    return PluginCollectionResponse(plugins=[], total_entries=0)


@routes.get("/api/v2/plugins/importErrors", Access.VIEW)
def import_errors(call: Call[None, None]) -> PluginImportErrorCollectionResponse:
    """List plugins that could not be loaded: none."""
    del call
    return PluginImportErrorCollectionResponse(import_errors=[], total_entries=0)


@routes.get("/api/v2/providers", Access.VIEW)
def get_providers(call: Call[Page, None]) -> ProviderCollectionResponse:
    """List the provider packages that are installed where this server runs."""
    found = _installed()
    start = call.query.offset
    page = found[start : start + bounded_limit(call.site.config, call.query.limit)]
    return ProviderCollectionResponse(providers=page, total_entries=len(found))


@cache
def _installed() -> list[ProviderResponse]:
    """Read the packages' metadata; none of them is imported."""
    found = []
    for package in distributions():
        about = dict(package.metadata.json)
        if str(about["name"]).startswith(_PREFIX):
            found.append(
                ProviderResponse(
                    package_name=str(about["name"]),
                    version=package.version,
                    description=str(about.get("summary") or ""),
                    documentation_url=None,
                )
            )
    return sorted(found, key=lambda p: p.package_name)
