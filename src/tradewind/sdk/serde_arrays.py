"""numpy and pandas values in typed JSON (see `serde`), when those packages are present.

Neither is imported here unless a value of theirs was stored: a value that is to be encoded
belongs to a package that is loaded already.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from importlib import import_module
from typing import Any

Inner = Callable[[Any, str], Any]

_NAMES = frozenset(
    {
        "numpy.ndarray",
        "numpy.generic",
        "pandas.DataFrame",
        "pandas.Series",
        "pandas.Index",
        "pandas.Categorical",
        "pandas.ExtensionArray",
        "pandas.MultiIndex",
        "pandas.RangeIndex",
        "pandas.Timestamp",
        "pandas.Timedelta",
        "pandas.NaT",
        "pandas.NA",
    }
)


def knows(classname: str) -> bool:
    """Tell whether this module decodes the class."""
    return classname in _NAMES


def encode(value: Any, inner: Inner) -> tuple[str, Any, int] | None:
    """Return (class name, data, version) of a numpy or pandas value, else None."""
    package = type(value).__module__.partition(".")[0]
    if package == "numpy":
        found = _encode_numpy(value, inner)
    elif package == "pandas":
        found = _encode_pandas(value, inner)
    else:
        return None
    return (*found, 1) if found is not None else None


def _encode_numpy(value: Any, inner: Inner) -> tuple[str, Any] | None:
    np: Any = import_module("numpy")  # optional, and loaded already

    if isinstance(value, np.ndarray):
        return "numpy.ndarray", _array(value, inner)
    if isinstance(value, np.generic):
        return "numpy.generic", _array(np.asarray(value), inner)
    return None


def _array(value: Any, inner: Inner) -> dict[str, Any]:
    kind: dict[str, Any] = {"dtype": value.dtype.str, "shape": list(value.shape)}
    if value.dtype.hasobject:
        return {**kind, "items": inner(value.ravel().tolist(), ".tolist()")}
    if value.dtype.names:
        kind["dtype"] = [[name, form] for name, form, *_ in value.dtype.descr]
    return {**kind, "bytes": base64.b64encode(value.tobytes()).decode()}


def _encode_pandas(value: Any, inner: Inner) -> tuple[str, Any] | None:  # noqa: PLR0911  one a kind
    pd: Any = import_module("pandas")  # optional, and loaded already

    if value is pd.NaT:
        return "pandas.NaT", None
    if value is pd.NA:
        return "pandas.NA", None
    if isinstance(value, pd.Timestamp):
        zone = None if value.tz is None else str(value.tz)
        return "pandas.Timestamp", [str(value.asm8), value.unit, zone]
    if isinstance(value, pd.Timedelta):
        return "pandas.Timedelta", [value.value, value.unit]
    if isinstance(value, pd.DataFrame):
        columns = [_column(value.iloc[:, i], inner) for i in range(value.shape[1])]
        return "pandas.DataFrame", {
            "columns": inner(value.columns, ".columns"),
            "index": inner(value.index, ".index"),
            "data": columns,
        }
    if isinstance(value, pd.Series):
        index, name = inner(value.index, ".index"), inner(value.name, ".name")
        return "pandas.Series", {"index": index, "name": name, "data": _column(value, inner)}
    if isinstance(value, pd.Index):
        return _encode_index(pd, value, inner)
    if isinstance(value, pd.api.extensions.ExtensionArray):
        return _encode_extension(pd, value, inner)
    return None


def _encode_index(pd: Any, value: Any, inner: Inner) -> tuple[str, Any]:
    if isinstance(value, pd.MultiIndex):
        levels = [inner(value.get_level_values(i), f"[{i}]") for i in range(value.nlevels)]
        return "pandas.MultiIndex", {"levels": levels, "names": inner(list(value.names), ".names")}
    name = inner(value.name, ".name")
    if isinstance(value, pd.RangeIndex):
        return "pandas.RangeIndex", {"limits": [value.start, value.stop, value.step], "name": name}
    return "pandas.Index", {"data": _column(value, inner), "name": name}


def _encode_extension(pd: Any, value: Any, inner: Inner) -> tuple[str, Any]:
    if isinstance(value, pd.Categorical):
        return "pandas.Categorical", {
            "categories": inner(value.categories, ".categories"),
            "codes": inner(value.codes, ".codes"),
            "ordered": bool(value.ordered),
        }
    items = inner(value.tolist(), ".tolist()")
    return "pandas.ExtensionArray", {"dtype": str(value.dtype), "items": items}


def _column(value: Any, inner: Inner) -> Any:
    """Encode the values of a column or index: an array of numpy's or an extension array."""
    np: Any = import_module("numpy")  # optional, and loaded already

    plain = isinstance(value.dtype, np.dtype)
    return inner(value.to_numpy() if plain else value.array, f"[{value.name!r}]")


# ---- decoders ---------------------------------------------------------------------------


def decode(classname: str, data: Any) -> Any:
    """Return the value; its parts are decoded already.

    Raises:
        ImportError: numpy or pandas is not installed here.
    """
    package, _, kind = classname.partition(".")
    return _decode_numpy(kind, data) if package == "numpy" else _PANDAS[kind](_pandas(), data)


def _pandas() -> Any:
    pd: Any = import_module("pandas")  # optional, and slow to load

    return pd


def _decode_numpy(kind: str, data: dict[str, Any]) -> Any:
    np: Any = import_module("numpy")  # optional, and slow to load

    form = data["dtype"]
    dtype = np.dtype([tuple(f) for f in form] if isinstance(form, list) else form)
    if "items" in data:
        flat = np.empty(len(data["items"]), dtype=dtype)
        flat[:] = data["items"]
    else:
        flat = np.frombuffer(base64.b64decode(data["bytes"]), dtype=dtype).copy()
    array = flat.reshape(data["shape"])
    return array[()] if kind == "generic" else array


def _timestamp(pd: Any, data: Any) -> Any:
    text, unit, zone = data
    naive = pd.Timestamp(text).as_unit(unit)
    return naive if zone is None else naive.tz_localize("UTC").tz_convert(zone)


def _frame(pd: Any, data: Any) -> Any:
    frame = pd.DataFrame(dict(enumerate(data["data"])), index=data["index"])
    frame.columns = data["columns"]
    return frame


def _multi_index(pd: Any, data: Any) -> Any:
    return pd.MultiIndex.from_arrays(data["levels"], names=data["names"])


_PANDAS: dict[str, Callable[[Any, Any], Any]] = {
    "NaT": lambda pd, _: pd.NaT,
    "NA": lambda pd, _: pd.NA,
    "Timestamp": _timestamp,
    "Timedelta": lambda pd, d: pd.Timedelta(d[0], "ns").as_unit(d[1]),
    "DataFrame": _frame,
    "Series": lambda pd, d: pd.Series(d["data"], index=d["index"], name=d["name"]),
    "RangeIndex": lambda pd, d: pd.RangeIndex(*d["limits"], name=d["name"]),
    "MultiIndex": _multi_index,
    "Index": lambda pd, d: pd.Index(d["data"], name=d["name"]),
    "Categorical": lambda pd, d: pd.Categorical.from_codes(
        d["codes"], categories=d["categories"], ordered=d["ordered"]
    ),
    "ExtensionArray": lambda pd, d: pd.array(d["items"], dtype=d["dtype"]),
}
