"""`airflow.utils.helpers`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from tradewind.sdk.arguments import check_key

__all__ = [
    "as_flattened_list",
    "at_most_one",
    "chunks",
    "convert_camel_to_snake",
    "exactly_one",
    "is_container",
    "merge_dicts",
    "parse_template_string",
    "partition",
    "prune_dict",
    "validate_key",
]

T = TypeVar("T")

_CAMEL = re.compile(r"(?!^)([A-Z]+)")


def validate_key(k: str, max_length: int = 250) -> None:
    """Check that a text can be the id of a DAG or task.

    Raises:
        DagError: it cannot.
    """
    del max_length
    check_key("the key", k)


def is_container(obj: object) -> bool:
    """Tell whether something can be iterated over and is no text."""
    return hasattr(obj, "__iter__") and not isinstance(obj, str)


def chunks(items: list[T], chunk_size: int) -> Iterator[list[T]]:
    """Yield the items in lists of a size; the last may be shorter.

    Raises:
        ValueError: the size is not positive.
    """
    if chunk_size <= 0:
        raise ValueError("Chunk size must be a positive integer")
    for start in range(0, len(items), chunk_size):
        yield items[start : start + chunk_size]


def as_flattened_list(iterable: Iterable[Iterable[T]]) -> list[T]:
    """Return the items of the items."""
    return [item for part in iterable for item in part]


def convert_camel_to_snake(camel_str: str) -> str:
    """Return "my_name" for "MyName"."""
    return _CAMEL.sub(r"_\1", camel_str).lower()


def merge_dicts(dict1: Mapping[Any, Any], dict2: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return both dicts in one, those inside them as well; the second wins."""
    merged = dict(dict1)
    for key, value in dict2.items():
        inner = merged.get(key)
        if isinstance(value, dict) and isinstance(inner, dict):
            value = merge_dicts(inner, value)  # noqa: PLW2901  only the merged one is set
        merged[key] = value
    return merged


def partition(pred: Callable[[T], bool], iterable: Iterable[T]) -> tuple[Iterable[T], Iterable[T]]:
    """Return the items for which something does not hold, and those for which it does."""
    first, second = itertools.tee(iterable)
    return itertools.filterfalse(pred, first), filter(pred, second)


def exactly_one(*args: Any) -> bool:
    """Tell whether just one of the values is true."""
    return sum(bool(arg) for arg in args) == 1


def at_most_one(*args: Any) -> bool:
    """Tell whether no two of the values are given and true."""
    return sum(bool(arg) for arg in args) <= 1


def prune_dict(val: Any, mode: str = "strict") -> Any:
    """Return data without what is None.

    Args:
        val: dicts and lists.
        mode: "strict" leaves out None; "truthy" leaves out everything that is false.
    """

    def kept(value: Any) -> bool:
        return value is not None if mode == "strict" else bool(value)

    if isinstance(val, dict):
        pruned = {key: prune_dict(value, mode) for key, value in val.items() if kept(value)}
        return {key: value for key, value in pruned.items() if mode == "strict" or value}
    if isinstance(val, list):
        return [prune_dict(value, mode) for value in val if kept(value)]
    return val


def parse_template_string(template_string: str) -> tuple[str | None, Any]:
    """Return a text without templates, or the template of one with."""
    if "{{" not in template_string:
        return template_string, None
    import jinja2  # noqa: PLC0415  slow, and seldom needed

    return None, jinja2.Template(template_string, autoescape=False)
