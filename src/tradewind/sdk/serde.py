"""XCom values as typed JSON, without loss and without imports by name.

JSON's own types stay as they are; others travel in an envelope {"__type__": name, "__data__": …}
from a closed registry. Loading never imports a stored name: a dataclass comes back as itself
only when its class is already loaded in this process, else as a plain dict.
"""

from __future__ import annotations

import base64
import dataclasses
import importlib
import json
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from tradewind.errors import DagError

_TYPE, _DATA = "__type__", "__data__"


def dumps(value: Any) -> bytes:
    """Return a value as typed JSON.

    Raises:
        DagError: it has a part that cannot be stored; the message says where, and the fix.
    """
    return json.dumps(_pack(value, "value"), separators=(",", ":"), allow_nan=True).encode()


def loads(data: bytes | str) -> Any:
    """Return the value of `dumps`'s bytes."""
    return _unpack(json.loads(data))


def _envelope(name: str, data: Any) -> dict[str, Any]:
    return {_TYPE: name, _DATA: data}


def _pack(value: Any, path: str) -> Any:
    if value is None or type(value) in {bool, int, float, str}:
        return value
    if type(value) is list:
        return [_pack(item, f"{path}[{i}]") for i, item in enumerate(value)]
    if type(value) is dict:
        return _pack_dict(value, path)
    for kind, name, pack in _PACKERS:
        if isinstance(value, kind):
            return _envelope(name, pack(value, path))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return _envelope("dataclass", [_name(value), _pack_dict(fields, path)])
    if isinstance(value, str | int | float):
        return _pack(_plain(value), path)
    if isinstance(value, list | dict):
        return _pack(list(value) if isinstance(value, list) else dict(value), path)
    return _pack_foreign(value, path)


def _plain(value: Any) -> Any:
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _pack_dict(value: dict[Any, Any], path: str) -> Any:
    if all(type(k) is str for k in value) and _TYPE not in value:
        return {k: _pack(v, f"{path}[{k!r}]") for k, v in value.items()}
    pairs = [[_pack(k, f"a key of {path}"), _pack(v, f"{path}[{k!r}]")] for k, v in value.items()]
    return _envelope("dict", pairs)


def _pack_foreign(value: Any, path: str) -> Any:
    """Store values of libraries that the process has loaded already."""
    module = type(value).__module__.partition(".")[0]
    if module == "numpy":
        if hasattr(value, "tolist") and getattr(value, "ndim", 0) == 0:
            return _pack(value.item(), path)
        return _envelope("numpy", [str(value.dtype), list(value.shape), value.ravel().tolist()])
    if module == "pandas" and hasattr(value, "to_json"):
        return _envelope("pandas", value.to_json(orient="split", date_format="iso"))
    if hasattr(value, "model_dump"):
        return _envelope("dataclass", [_name(value), _pack(value.model_dump(), path)])
    raise DagError(
        f"{path} is a {type(value).__module__}.{type(value).__qualname__}, which cannot be stored "
        "as an XCom; return plain data (numbers, strings, lists, dicts, dates, dataclasses), or "
        "save it and return where it is"
    )


def _name(value: Any) -> str:
    return f"{type(value).__module__}:{type(value).__qualname__}"


def _delta(value: timedelta, _path: str) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _datetime(value: datetime, _path: str) -> list[Any]:
    zone = getattr(value.tzinfo, "key", None) or getattr(value.tzinfo, "name", None)
    return [value.isoformat(), zone if isinstance(zone, str) else None, value.fold]


_PACKERS: tuple[tuple[Any, str, Callable[[Any, str], Any]], ...] = (
    (Enum, "enum", lambda v, p: [_name(v), _pack(v.value, p)]),
    (datetime, "datetime", _datetime),
    (date, "date", lambda v, _: v.isoformat()),
    (time, "time", lambda v, _: v.isoformat()),
    (timedelta, "timedelta", _delta),
    (ZoneInfo, "zone", lambda v, _: v.key),
    (Decimal, "decimal", lambda v, _: str(v)),
    (UUID, "uuid", lambda v, _: str(v)),
    (bytes | bytearray, "bytes", lambda v, _: base64.b64encode(bytes(v)).decode()),
    (set, "set", lambda v, p: [_pack(i, p) for i in sorted(v, key=repr)]),
    (frozenset, "frozenset", lambda v, p: [_pack(i, p) for i in sorted(v, key=repr)]),
    (tuple, "tuple", lambda v, p: [_pack(i, f"{p}[{n}]") for n, i in enumerate(v)]),
    (Path, "path", lambda v, _: str(v)),
)


def _unpack(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpack(item) for item in value]
    if not isinstance(value, dict):
        return value
    if _TYPE not in value:
        return {k: _unpack(v) for k, v in value.items()}
    unpack = _UNPACKERS.get(value[_TYPE])
    return unpack(value[_DATA]) if unpack else value


def _loaded(name: str) -> Any:
    """Return a class that this process has loaded already; never imports."""
    module, _, qualname = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found


def _to_dataclass(data: Any) -> Any:
    name, fields = data
    values = _unpack(fields)
    cls = _loaded(name)
    if isinstance(cls, type) and (dataclasses.is_dataclass(cls) or hasattr(cls, "model_dump")):
        return cls(**values)
    return values


def _to_enum(data: Any) -> Any:
    cls, value = _loaded(data[0]), _unpack(data[1])
    return cls(value) if isinstance(cls, type) and issubclass(cls, Enum) else value


def _to_datetime(data: Any) -> datetime:
    text, zone, fold = data
    value = datetime.fromisoformat(text)
    if zone and value.tzinfo is not None and zone not in {"UTC", "Etc/UTC"}:
        local = value.astimezone(ZoneInfo(zone))
        return local.replace(fold=fold)
    return value.replace(tzinfo=UTC) if zone == "UTC" else value


def _to_numpy(data: Any) -> Any:
    # The registry's own fixed name, never one from the stored value.
    numpy = importlib.import_module("numpy")
    dtype, shape, items = data
    return numpy.array(items, dtype=dtype).reshape(shape)


def _to_pandas(data: Any) -> Any:
    pandas = importlib.import_module("pandas")
    stored = json.loads(data)
    if "columns" in stored:
        return pandas.DataFrame(stored["data"], index=stored["index"], columns=stored["columns"])
    return pandas.Series(stored["data"], index=stored["index"], name=stored.get("name"))


_UNPACKERS: dict[str, Callable[[Any], Any]] = {
    "dict": lambda d: {_key(_unpack(k)): _unpack(v) for k, v in d},
    "dataclass": _to_dataclass,
    "enum": _to_enum,
    "datetime": _to_datetime,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "timedelta": lambda d: timedelta(days=d[0], seconds=d[1], microseconds=d[2]),
    "zone": ZoneInfo,
    "decimal": Decimal,
    "uuid": UUID,
    "bytes": base64.b64decode,
    "set": lambda d: {_key(_unpack(i)) for i in d},
    "frozenset": lambda d: frozenset(_key(_unpack(i)) for i in d),
    "tuple": lambda d: tuple(_unpack(i) for i in d),
    "path": Path,
    "numpy": _to_numpy,
    "pandas": _to_pandas,
}


def _key(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value

