"""One request as an endpoint sees it: decoded, bounded, and with its caller."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec
from starlette.requests import Request

from tradewind.errors import NotFound
from tradewind.web.access import Caller
from tradewind.web.refusals import Invalid, Problem
from tradewind.web.site import Site

Q = TypeVar("Q")
B = TypeVar("B")

MAX_DEPTH = 64
"""Containers inside containers in a body."""
LARGEST = 2**63 - 1
_NUL = "\x00"
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')
_BRACKETS = re.compile(rb"[\[\]{}]")
_WHERE = re.compile(r"^(?P<text>.*?)(?: - at `(?:key in )?\$(?P<path>.*)`)?$", re.DOTALL)
_OPENING = frozenset(b"[{")


class Call(Generic[Q, B]):
    """A request.

    query: the decoded query string; body: the decoded body. Their types are the endpoint's
    own: `def get_dags(call: Call[DagsQuery, None]) -> DagCollection`.
    """

    def __init__(self, site: Site, caller: Caller, request: Request, query: Q, body: B) -> None:
        self.site = site
        self.caller = caller
        self.request = request
        self.query = query
        self.body = body
        self.request_key: str | None = None
        """What names this request among all, where its caller gave it a key."""
        self.before: Any = None
        self.after: Any = None

    @property
    def path(self) -> Mapping[str, str]:
        """Return the path's parameters."""
        return self.request.path_params

    def number(self, name: str) -> int:
        """Return a path parameter that is a whole number.

        Raises:
            Invalid: it is not.
        """
        text = self.path[name]
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise Invalid(
                [Problem(("path", name), "Input should be a valid integer", "int_parsing", text)]
            )
        return int(text)

    def audit(self, *, before: Any = None, after: Any = None) -> None:
        """Tell the audit log what a change was: without secrets."""
        self.before, self.after = before, after

    @property
    def address(self) -> str:
        """Return the address of whoever calls."""
        return self.request.client.host if self.request.client else ""


def check_path(path: Mapping[str, str]) -> None:
    """Refuse a path that no object can have.

    Raises:
        NotFound: it has a NUL in it.
    """
    if any(_NUL in text for text in path.values()):
        raise NotFound("there is no such thing")


def decode_query(request: Request, kind: type[Any] | None) -> Any:
    """Return the query string as a struct; unknown names are ignored.

    Raises:
        Invalid: a value is not of its type; names it.
    """
    if kind is None or kind is types.NoneType:
        return None
    given: dict[str, Any] = {}
    problems: list[Problem] = []
    hints = typing.get_type_hints(kind)
    for field in msgspec.structs.fields(kind):
        values = request.query_params.getlist(field.encode_name)
        if not values:
            continue
        if any(_NUL in value for value in values):
            problems.append(_query_problem(field.encode_name, "holds a NUL", values[0]))
            continue
        hint = hints[field.name]
        try:
            given[field.encode_name] = _value(values, hint)
        except ValueError as error:
            problems.append(_query_problem(field.encode_name, str(error), values[-1]))
    if problems:
        raise Invalid(problems)
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid([_problem("query", str(error), None)]) from error


def decode_body(body: bytes, kind: type[Any] | None) -> Any:
    """Return the body as a struct.

    Raises:
        Invalid: it is not JSON, too deep, or does not fit; names the field.
    """
    if kind is None or kind is types.NoneType:
        return None
    if not body and types.NoneType in typing.get_args(kind):
        return None
    if _depth(body) > MAX_DEPTH:
        raise Invalid([Problem(("body",), f"is nested deeper than {MAX_DEPTH}", "too_deep", None)])
    if b"\\u0000" in body:
        raise Invalid([Problem(("body",), "holds a NUL character", "value_error", None)])
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise Invalid([_problem("body", str(error), None)]) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Invalid([Problem(("body",), str(error), "json_invalid", None)]) from error


def aware(name: str, at: datetime | None) -> datetime | None:
    """Return a body's time in UTC.

    Raises:
        Invalid: it has no zone, or is too near the end of time.
    """
    if at is None:
        return None
    if at.tzinfo is None:
        problem = f"needs a time zone: {at.isoformat()}+00:00 is UTC"
        raise Invalid([Problem(("body", name), problem, "timezone_aware", at.isoformat())])
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise Invalid([Problem(("body", name), str(error), "datetime", at.isoformat())]) from error


def aware_fields(body: Any, names: Iterable[str]) -> dict[str, Any]:
    """Return fields of a body, their times in UTC.

    Raises:
        Invalid: a time has no zone.
    """
    found: dict[str, Any] = {}
    for name in names:
        value = getattr(body, name)
        found[name] = aware(name, value) if isinstance(value, datetime) else value
    return found


def _value(values: list[str], hint: Any) -> Any:
    kinds = _kinds(hint)
    if list in kinds:
        return [_plain(text, kinds) for text in values]
    return _plain(values[-1], kinds)


def _plain(text: str, kinds: set[Any]) -> Any:
    if datetime in kinds:
        return _time(text)
    if int in kinds and re.fullmatch(r"\s*[+-]?[0-9]+\s*", text):
        if abs(int(text[:40])) > LARGEST:
            raise ValueError("is too large")
        return int(text)
    if float in kinds and float(text) in {float("inf"), float("-inf")}:
        raise ValueError("is not a finite number")
    if bool in kinds:
        return text.lower()
    return text


def _time(text: str) -> datetime:
    # A "+" that nobody escaped arrives as a space.
    try:
        at = datetime.fromisoformat(text.strip().replace(" ", "+") if "T" in text else text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"Input should be a valid datetime: {error}") from error


def _kinds(hint: Any) -> set[Any]:
    """Return the plain types that a hint is made of."""
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        return _kinds(typing.get_args(hint)[0])
    if origin is None:
        return {hint}
    found = {origin}
    for part in typing.get_args(hint):
        found |= _kinds(part)
    return found


def _depth(body: bytes) -> int:
    depth = deepest = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", body)):
        if bracket[0] in _OPENING:
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest


def _query_problem(name: str, message: str, value: str) -> Problem:
    return Problem(("query", name), message, "value_error", value)


def _problem(where: str, message: str, value: Any) -> Problem:
    """Turn msgspec's message, "text - at `$.a[0].b`", into a place and a text."""
    found = _WHERE.match(message)
    text = found["text"] if found else message
    path = (found["path"] or "") if found else ""
    loc: list[str | int] = [where]
    for name, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path):
        loc.append(name or int(index))
    named = re.search(r"field `([^`]+)`", text)
    if named:
        loc.append(named[1])
    kind = "missing" if "missing required" in text else "value_error"
    return Problem(tuple(loc), text, kind, value)
