"""A sequence whose elements are made when they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

_SHOWN = 20
"""Elements that `repr` shows."""


class LazySequence(Sequence[Any]):
    """A sequence of `length` elements, each computed by `get(index)` at each reading.

    It equals a list of the same elements.
    """

    def __init__(self, length: int | None, get: Callable[[int], Any]) -> None:
        self._length = length
        self._get = get

    def __len__(self) -> int:
        return self._length or 0

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        positions = range(len(self))[index]
        if isinstance(positions, range):
            return [self._get(position) for position in positions]
        return self._get(positions)

    def __iter__(self) -> Iterator[Any]:
        for index in range(len(self)):
            yield self._get(index)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str | bytes):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment] # like a list

    def __repr__(self) -> str:
        shown = ", ".join(repr(item) for item in self[:_SHOWN])
        return f"[{shown}{', …' if len(self) > _SHOWN else ''}]"
