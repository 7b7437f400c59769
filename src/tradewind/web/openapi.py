"""The OpenAPI 3.1 document, generated from the route table, and a page that shows it."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Any

import msgspec
from starlette.responses import HTMLResponse, Response

from tradewind import __version__
from tradewind.web.access import Access
from tradewind.web.call import Call
from tradewind.web.endpoint import Endpoint, Routes
from tradewind.web.idempotency import KEY_HEADER, KEY_PATTERN

_REF = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"\{(\w+)(?::path)?\}")
_ERROR = {
    "type": "object",
    "required": ["detail"],
    "properties": {"detail": {}},
}
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;
color-scheme:light dark}
code{font:13px ui-monospace,monospace}summary{cursor:pointer;padding:.2rem 0}
pre{overflow:auto;padding:.75rem;border:1px solid #8884;border-radius:6px}
"""


def document_routes(table: Sequence[Endpoint]) -> Routes:
    """Return the endpoints that describe a table."""
    routes = Routes("Documentation")
    shown = [e for e in table if not e.path.startswith("/ui/")]
    described = cache(lambda: openapi(shown))
    encoded = cache(lambda: msgspec.json.encode(described()))

    @routes.get("/openapi.json", Access.PUBLIC)
    def get_openapi(call: Call[None, None]) -> Response:
        """Return the OpenAPI document."""
        del call
        return Response(encoded(), media_type="application/json")

    @routes.get("/docs", Access.PUBLIC)
    def get_docs(call: Call[None, None]) -> Response:
        """Show the OpenAPI document to people."""
        del call
        style = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        return HTMLResponse(_page(described()), headers=style)

    return routes


def openapi(table: Sequence[Endpoint]) -> dict[str, Any]:
    """Return the OpenAPI document of a table."""
    kinds = [
        part
        for e in table
        for kind in (e.query, e.body, e.answers)
        for part in _parts(kind)
        if _is_shape(part)
    ]
    unique = list(dict.fromkeys(kinds))
    schemas, components = msgspec.json.schema_components(unique, ref_template=_REF)
    by_kind = dict(zip(unique, schemas, strict=True))
    paths: dict[str, Any] = {}
    for endpoint in table:
        path = _PARAMETER.sub(r"{\1}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(
            endpoint, by_kind, components
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tradewind API", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": components | {"Error": _ERROR},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(
    endpoint: Endpoint, by_kind: dict[Any, Any], components: dict[str, Any]
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.operation_id,
        "tags": [endpoint.tag],
        "summary": (inspect.getdoc(endpoint.handler) or "").partition("\n")[0],
        "x-access": endpoint.access,
        "parameters": [
            *_path_parameters(endpoint),
            *_query_parameters(endpoint, components),
            *_header_parameters(endpoint),
        ],
        "responses": _responses(endpoint, by_kind),
    }
    bodies = [part for part in _parts(endpoint.body) if _is_shape(part)]
    if bodies:
        shapes = [by_kind[part] for part in bodies]
        content = {
            "application/json": {"schema": shapes[0] if len(shapes) == 1 else {"anyOf": shapes}}
        }
        required = types.NoneType not in _parts(endpoint.body)
        operation["requestBody"] = {"required": required, "content": content}
    if endpoint.access is not Access.PUBLIC:
        operation["security"] = [{"bearer": []}]
    return operation


def _responses(endpoint: Endpoint, by_kind: dict[Any, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done"}
    if _is_shape(endpoint.answers):
        good["content"] = {"application/json": {"schema": _schema(endpoint.answers, by_kind)}}
    error = {
        "description": "Refused",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    return {str(endpoint.status): good, "default": error}


def _path_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(endpoint.path)
    ]


def _query_parameters(endpoint: Endpoint, components: dict[str, Any]) -> list[dict[str, Any]]:
    if endpoint.query is None or endpoint.query is types.NoneType:
        return []
    schema = components[endpoint.query.__name__]
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": about}
        for name, about in schema["properties"].items()
    ]


def _header_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    if not endpoint.takes_key:
        return []
    about = "Names this request: sent again, it is answered again and not carried out again."
    schema = {"type": "string", "pattern": KEY_PATTERN}
    return [{"name": KEY_HEADER, "in": "header", "description": about, "schema": schema}]


def _schema(kind: Any, by_kind: dict[Any, Any]) -> dict[str, Any]:
    parts = [by_kind[part] for part in _parts(kind)]
    return parts[0] if len(parts) == 1 else {"anyOf": parts}


def _parts(kind: Any) -> tuple[Any, ...]:
    """Return what an answer may be: its shape, or each of several."""
    if typing.get_origin(kind) in {typing.Union, types.UnionType}:
        return typing.get_args(kind)
    return (kind,)


def _is_shape(kind: Any) -> bool:
    if kind is None or kind is types.NoneType or kind is Response:
        return False
    return all(part is not Response and part is not types.NoneType for part in _parts(kind))


def _page(document: dict[str, Any]) -> str:
    groups: dict[str, list[str]] = {}
    for path, operations in sorted(document["paths"].items()):
        for method, about in operations.items():
            shown = {k: about[k] for k in ("parameters", "requestBody", "responses") if k in about}
            text = msgspec.json.format(msgspec.json.encode(shown), indent=2).decode()
            groups.setdefault(about["tags"][0], []).append(
                f"<details id={escape(about['operationId'])}><summary><b>{method.upper()}</b> "
                f"<code>{escape(path)}</code> {escape(about['summary'])}</summary>"
                f"<pre>{escape(text)}</pre></details>"
            )
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(items)}" for tag, items in groups.items())
    schemas = msgspec.json.format(
        msgspec.json.encode(document["components"]["schemas"]), indent=2
    ).decode()
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Tradewind API</title>"
        f"<style>{_STYLE}</style><h1>Tradewind API {escape(__version__)}</h1>"
        '<p>The same as <a href="/openapi.json">OpenAPI 3.1</a>.</p>'
        f"{body}<h2>Schemas</h2><details><summary>All</summary><pre>{escape(schemas)}</pre>"
        "</details></html>"
    )
