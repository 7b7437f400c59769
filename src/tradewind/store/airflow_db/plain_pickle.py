"""Read plain data out of a pickle without unpickling it.

Airflow 2 keeps a run's conf as a pickle. To unpickle is to run whatever a database says, so this
reads the instructions and knows only those that make JSON's values. A pickle with anything else
(a class, a call) is refused as a whole.
"""

from __future__ import annotations

import pickletools
from typing import Any

_MARK = object()
_VALUES = {
    "NONE": None,
    "NEWTRUE": True,
    "NEWFALSE": False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": list,
}
_WITH_ARGUMENT = frozenset(
    {"BININT", "BININT1", "BININT2", "LONG1", "INT", "LONG", "BINFLOAT", "FLOAT"}
    | {"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE"}
)
_IGNORED = frozenset({"PROTO", "FRAME"})


class NotPlainError(ValueError):
    """The pickle holds more than plain data."""


def read_plain(data: bytes) -> Any:
    """Return the value of a pickle of dicts, lists, texts, numbers, booleans and None.

    Raises:
        NotPlainError: it holds anything else, or is damaged.
    """
    try:
        return _Reader().read(data)
    except NotPlainError:
        raise
    except Exception as error:
        raise NotPlainError(f"not a pickle: {error}") from error


class _Reader:
    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def read(self, data: bytes) -> Any:
        for code, argument, _ in pickletools.genops(data):
            if code.name == "STOP":
                return self._stack.pop()
            self._obey(code.name, argument)
        raise NotPlainError("the pickle has no end")

    def _obey(self, name: str, argument: Any) -> None:
        if name in _VALUES:
            value = _VALUES[name]
            self._stack.append(value() if callable(value) else value)
        elif name in _WITH_ARGUMENT:
            self._stack.append(argument)
        elif name == "MARK":
            self._stack.append(_MARK)
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = self._stack[-1]
        elif name in {"BINPUT", "LONG_BINPUT", "PUT"}:
            self._memo[argument] = self._stack[-1]
        elif name in {"BINGET", "LONG_BINGET", "GET"}:
            self._stack.append(self._memo[argument])
        elif name not in _IGNORED:
            self._gather(name)

    def _gather(self, name: str) -> None:
        if name in {"TUPLE1", "TUPLE2", "TUPLE3"}:
            count = int(name[-1])
            self._stack[-count:] = [self._stack[-count:]]
        elif name in {"APPEND", "SETITEM"}:
            count = 1 if name == "APPEND" else 2
            items = self._stack[-count:]
            del self._stack[-count:]
            self._put(items)
        elif name in {"APPENDS", "SETITEMS"}:
            self._put(self._marked())
        elif name in {"TUPLE", "LIST"}:
            self._stack.append(self._marked())
        elif name == "DICT":
            items = self._marked()
            self._stack.append({})
            self._put(items)
        else:
            raise NotPlainError(f"the pickle holds more than plain data ({name})")

    def _marked(self) -> list[Any]:
        at = len(self._stack) - 1 - self._stack[::-1].index(_MARK)
        items = self._stack[at + 1 :]
        del self._stack[at:]
        return items

    def _put(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, dict):
            target.update(zip(items[::2], items[1::2], strict=True))
        else:
            target.extend(items)
