"""Typed JSON: how XComs, trigger arguments and trigger events travel.

Plain JSON values stand for themselves. Everything else is an envelope that names its type:

    {"__classname__": "datetime.date", "__version__": 1, "__data__": "2026-03-01"}

Rules
* Lossless: what comes out equals what went in, tuples, sets, int keys and NaN included.
* A closed registry: the names of built-in kinds are looked up in a table. Data classes of the
  author (dataclass, attrs, pydantic, enum, named tuple, or a class with `serialize` and
  `deserialize`) are rebuilt only when their module is part of the DAG folder and loaded
  already, or is on the allow-list. Nothing else is ever imported or called; a value of a class
  that is not trusted arrives as a `StoredObject`: a readable dict.
* What cannot travel is refused when it is pushed, with the place inside the value.

Subclasses of str, int, float, list and dict without a rule of their own travel as their base.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from tradewind.errors import DagError
from tradewind.sdk import serde_arrays, serde_classes

CLASSNAME = "__classname__"
VERSION = "__version__"
DATA = "__data__"

_FORMAT = 1
_MAX_DEPTH = 200
"""Deeper nesting is a value that contains itself, for all practical purposes."""

StoredObject = serde_classes.StoredObject
allow_classes = serde_classes.allow_classes
trust_folder = serde_classes.trust_folder


def dumps(value: Any, what: str = "the value") -> bytes:
    """Return a value as typed JSON.

    Args:
        value: what to write down.
        what: names the value in the error ("the XCom 'return_value'").

    Raises:
        DagError: part of the value is of a type that cannot travel; names the type, the place
            inside the value and the fix.
    """
    tree = value if type(value) in _PLAIN else _encode(value, _Place(what))
    text = json.dumps(tree, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate; its escape is legal JSON
        return json.dumps(tree, separators=(",", ":"), allow_nan=False).encode()


def loads(data: bytes | str) -> Any:
    """Return the value of `dumps`'s bytes."""
    return _decode(json.loads(data))


class _Place(NamedTuple):
    """Where in the value we are: its parent's place and one step, for the error message."""

    step: str
    above: _Place | None = None
    depth: int = 0

    def at(self, step: str) -> _Place:
        return _Place(step, self, self.depth + 1)

    def __str__(self) -> str:
        steps: list[str] = []
        place: _Place | None = self
        while place is not None:
            steps.append(place.step)
            place = place.above
        what, *inside = reversed(steps)
        return f"{''.join(inside)} of {what}" if inside else what


_PLAIN = frozenset({str, int, bool, type(None)})


def _encode(value: Any, place: _Place) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if place.depth > _MAX_DEPTH:
        raise DagError(
            f"{_root(place)} is nested more than {_MAX_DEPTH} deep, or contains itself;"
            " return a flat value"
        )
    encode = _ENCODERS.get(kind)
    if encode is not None:
        return encode(value, place)
    return _encode_other(value, place)


def _root(place: _Place) -> str:
    while place.above is not None:
        place = place.above
    return place.step


def envelope(classname: str, data: Any, version: int = _FORMAT) -> dict[str, Any]:
    """Return the envelope of an encoded value."""
    return {CLASSNAME: classname, VERSION: version, DATA: data}


def _encode_other(value: Any, place: _Place) -> Any:
    """Encode what is not of a registered type itself: data classes, subclasses, arrays."""

    def inner(part: Any, step: str) -> Any:
        return _encode(part, place.at(step))

    for module in (serde_classes, serde_arrays):
        found = module.encode(value, inner)
        if found is not None:
            classname, data, version = found
            return envelope(classname, data, version)
    for base, encode in _BASES:
        if isinstance(value, base):
            return encode(value, place)
    name = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    raise DagError(
        f"{place} is of type {name}, which cannot be stored. Return plain data instead (str,"
        " int, float, bool, None, list, dict, datetime, …), make the class a dataclass, or give"
        " it `serialize()` and `deserialize()` methods"
    )


# ---- encoders ---------------------------------------------------------------------------


def _float(value: float, _place: _Place) -> Any:
    value = float(value)
    return value if math.isfinite(value) else envelope("builtins.float", repr(value))


def _items(values: Any, place: _Place) -> list[Any]:
    return [
        v if type(v) in _PLAIN else _encode(v, place.at(f"[{i}]")) for i, v in enumerate(values)
    ]


def _dict(value: Mapping[Any, Any], place: _Place) -> Any:
    if all(type(k) is str for k in value) and CLASSNAME not in value:
        return {
            k: v if type(v) in _PLAIN else _encode(v, place.at(f"[{k!r}]"))
            for k, v in value.items()
        }
    return envelope(
        "builtins.dict",
        [
            [_encode(k, place.at(f".key({k!r})")), _encode(v, place.at(f"[{k!r}]"))]
            for k, v in value.items()
        ],
    )


def _zone_name(value: datetime | time) -> str | None:
    """Return the name of a named zone; None for no zone and for fixed offsets."""
    return getattr(value.tzinfo, "key", None)


def _moment(value: datetime | time) -> Any:
    zone = _zone_name(value)
    if zone is None:
        return value.isoformat()
    return {"local": value.replace(tzinfo=None).isoformat(), "zone": zone, "fold": value.fold}


def _pendulum(value: Any, place: _Place) -> Any:
    """Encode pendulum's types, which are subclasses of the stdlib's."""
    name = type(value).__name__
    if name == "DateTime":
        return envelope("pendulum.DateTime", _moment(value))
    if name == "Duration":
        parts = [value._years, value._months, *_delta(value.as_timedelta())]  # noqa: SLF001  the only access
        return envelope("pendulum.Duration", parts)
    if name == "Interval":
        ends = [_encode(value.start, place.at(".start")), _encode(value.end, place.at(".end"))]
        return envelope("pendulum.Interval", ends)
    if name in {"Timezone", "FixedTimezone"}:
        return envelope("pendulum.Timezone", value.name)
    if name == "Date":
        return envelope("pendulum.Date", value.isoformat())
    return envelope("pendulum.Time", _moment(value))


def _delta(value: timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _base64(value: bytes | bytearray) -> str:
    return base64.b64encode(value).decode()


_ENCODERS: dict[type, Callable[[Any, _Place], Any]] = {
    float: _float,
    list: _items,
    dict: _dict,
    tuple: lambda v, p: envelope("builtins.tuple", _items(v, p)),
    set: lambda v, p: envelope("builtins.set", _items(v, p)),
    frozenset: lambda v, p: envelope("builtins.frozenset", _items(v, p)),
    bytes: lambda v, _: envelope("builtins.bytes", _base64(v)),
    bytearray: lambda v, _: envelope("builtins.bytearray", _base64(v)),
    complex: lambda v, _: envelope("builtins.complex", repr(v)),
    datetime: lambda v, _: envelope("datetime.datetime", _moment(v)),
    date: lambda v, _: envelope("datetime.date", v.isoformat()),
    time: lambda v, _: envelope("datetime.time", _moment(v)),
    timedelta: lambda v, _: envelope("datetime.timedelta", _delta(v)),
    timezone: lambda v, _: envelope("datetime.timezone", _delta(v.utcoffset(None))),
    ZoneInfo: lambda v, _: envelope("zoneinfo.ZoneInfo", v.key),
    Decimal: lambda v, _: envelope("decimal.Decimal", str(v)),
    UUID: lambda v, _: envelope("uuid.UUID", v.hex),
}


def _subclass_of_date(value: Any, place: _Place) -> Any:
    if type(value).__module__.partition(".")[0] == "pendulum":
        return _pendulum(value, place)
    base = next(b for b in (datetime, date, time, timedelta, ZoneInfo) if isinstance(value, b))
    return _ENCODERS[base](value, place)


def _path(value: PurePath, _place: _Place) -> Any:
    concrete = isinstance(value, Path)
    return envelope("pathlib.Path" if concrete else "pathlib.PurePosixPath", str(value))


_BASES: tuple[tuple[Any, Callable[[Any, _Place], Any]], ...] = (
    ((datetime, date, time, timedelta, ZoneInfo), _subclass_of_date),
    (PurePath, _path),
    (str, lambda v, _: str.__str__(v)),
    (int, lambda v, _: int(v)),
    (float, _float),
    (tuple, _ENCODERS[tuple]),
    ((bytes, bytearray), lambda v, _: envelope("builtins.bytes", _base64(v))),
    (set, _ENCODERS[set]),
    (frozenset, _ENCODERS[frozenset]),
    (Mapping, _dict),
    (Sequence, _items),
)
"""Asked in this order for a value whose own type has no rule."""


# ---- decoders ---------------------------------------------------------------------------


def _decode(tree: Any) -> Any:
    kind = type(tree)
    if kind is list:
        return [v if type(v) in _PLAIN else _decode(v) for v in tree]
    if kind is not dict:
        return tree
    classname = tree.get(CLASSNAME)
    if classname is None:
        return {k: v if type(v) in _PLAIN else _decode(v) for k, v in tree.items()}
    data = tree.get(DATA)
    decode = _DECODERS.get(classname)
    if decode is not None:
        return decode(data)
    if serde_arrays.knows(classname):
        return serde_arrays.decode(classname, _decode(data))
    return serde_classes.decode(classname, _decode(data), tree.get(VERSION, _FORMAT))


def _moment_of(kind: Any) -> Callable[[Any], Any]:
    def decode(data: Any) -> Any:
        if isinstance(data, str):
            return kind.fromisoformat(data)
        local = kind.fromisoformat(data["local"])
        return local.replace(tzinfo=ZoneInfo(data["zone"]), fold=data["fold"])

    return decode


def _decode_pendulum(name: str) -> Callable[[Any], Any]:
    def decode(data: Any) -> Any:
        import pendulum  # noqa: PLC0415  30 ms, and few values need it

        if name == "DateTime":
            moment = _moment_of(datetime)(data)
            return pendulum.instance(moment, tz=None)
        if name == "Duration":
            years, months, days, seconds, microseconds = data
            return pendulum.duration(
                years=years,
                months=months,
                days=days - years * 365 - months * 30,
                seconds=seconds,
                microseconds=microseconds,
            )
        if name == "Interval":
            return pendulum.interval(_decode(data[0]), _decode(data[1]))
        if name == "Timezone":
            return pendulum.timezone(_offset_name(data))
        if name == "Date":
            day = date.fromisoformat(data)
            return pendulum.date(day.year, day.month, day.day)
        moment = _moment_of(time)(data)
        return pendulum.Time.instance(moment, tz=moment.tzinfo)

    return decode


def _offset_name(name: str) -> str | int:
    """Return pendulum's argument for a zone: its name, or seconds for one like "+02:00"."""
    if name[:1] not in {"+", "-"}:
        return name
    hours, _, minutes = name[1:].partition(":")
    seconds = int(hours) * 3600 + int(minutes or 0) * 60
    return -seconds if name[0] == "-" else seconds


_DECODERS: dict[str, Callable[[Any], Any]] = {
    "builtins.float": float,
    "builtins.complex": complex,
    "builtins.tuple": lambda d: tuple(_decode(d)),
    "builtins.set": lambda d: set(_decode(d)),
    "builtins.frozenset": lambda d: frozenset(_decode(d)),
    "builtins.dict": lambda d: {_decode(k): _decode(v) for k, v in d},
    "builtins.bytes": base64.b64decode,
    "builtins.bytearray": lambda d: bytearray(base64.b64decode(d)),
    "datetime.datetime": _moment_of(datetime),
    "datetime.date": date.fromisoformat,
    "datetime.time": _moment_of(time),
    "datetime.timedelta": lambda d: timedelta(*d),
    "datetime.timezone": lambda d: timezone(timedelta(*d)),
    "zoneinfo.ZoneInfo": ZoneInfo,
    "decimal.Decimal": Decimal,
    "uuid.UUID": lambda d: UUID(hex=d),
    "pathlib.Path": Path,
    "pathlib.PurePosixPath": PurePosixPath,
    "pendulum.DateTime": _decode_pendulum("DateTime"),
    "pendulum.Duration": _decode_pendulum("Duration"),
    "pendulum.Interval": _decode_pendulum("Interval"),
    "pendulum.Timezone": _decode_pendulum("Timezone"),
    "pendulum.Date": _decode_pendulum("Date"),
    "pendulum.Time": _decode_pendulum("Time"),
}
