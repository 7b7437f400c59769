"""The settings, when the operator lets them be read; secrets are never shown."""

from __future__ import annotations

import msgspec
from starlette.responses import PlainTextResponse, Response

from tradewind.config.sections import Setting, settings
from tradewind.errors import NotFound
from tradewind.web.access import Access, Forbidden
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.refusals import json
from tradewind.web.shapes import Shape
from tradewind.web.site import Site

routes = Routes("Config")


class ConfigQuery(msgspec.Struct, kw_only=True):
    """Which section is wanted."""

    section: str | None = None


class ConfigOption(Shape):
    """One setting."""

    key: str
    value: str


class ConfigSection(Shape):
    """A section of settings."""

    name: str
    options: list[ConfigOption]


class Config(Shape):
    """Settings."""

    sections: list[ConfigSection]


@routes.get("/api/v2/config", Access.OP)
def get_config(call: Call[ConfigQuery, None]) -> Response:
    """Return the settings."""
    wanted = call.query.section
    found = [s for s in settings() if wanted in {None, s.section}]
    if not found:
        raise NotFound(f"there is no section {wanted!r}")
    return _answer(call, found)


@routes.get("/api/v2/config/section/{section}/option/{option}", Access.OP)
def get_config_value(call: Call[None, None]) -> Response:
    """Return one setting."""
    section, option = call.path["section"], call.path["option"]
    found = [s for s in settings() if (s.section, s.key) == (section, option)]
    if not found:
        raise NotFound(f"Option [{section}/{option}] not found.")
    return _answer(call, found)


def _answer(call: Call[ConfigQuery, None] | Call[None, None], found: list[Setting]) -> Response:
    site = call.site
    if not site.config.api.expose_config:
        raise Forbidden(
            "Your Tradewind administrator chose not to expose the configuration; "
            "api.expose_config does"
        )
    shown = _shape(site, found)
    if "text/plain" not in call.request.headers.get("accept", ""):
        return json(shown)
    lines = []
    for section in shown.sections:
        lines.append(f"[{section.name}]")
        lines += [f"{option.key} = {option.value}" for option in section.options]
        lines.append("")
    return PlainTextResponse("\n".join(lines))


def _shape(site: Site, found: list[Setting]) -> Config:
    sections: dict[str, list[ConfigOption]] = {}
    for setting in found:
        option = ConfigOption(key=setting.key, value=setting.shown(site.config))
        sections.setdefault(setting.section, []).append(option)
    return Config(
        sections=[ConfigSection(name=name, options=options) for name, options in sections.items()]
    )
