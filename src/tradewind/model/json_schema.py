"""Whether a value fits a JSON schema: the one check of params and of forms, wherever it is made.

A schema is read as its `$schema` says, else as draft 2020-12, as in Airflow. Formats are those that
the library knows, and `date-time`, `date` and `time` as ISO 8601 has them. A `$ref` leads to a part
of the schema itself: nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import Any, NamedTuple


class Violation(NamedTuple):
    """Why a value does not fit. place: inside the value, like "['a'][0]"; "" for all of it."""

    place: str
    message: str


class SchemaNotRight(ValueError):
    """The schema is none, or refers to something that is not in it."""


def violation(schema: Mapping[str, Any], value: Any) -> Violation | None:
    """Return why a value does not fit a schema, or None.

    Raises:
        SchemaNotRight: the schema itself is not right.
    """
    if not schema:
        return None
    # A tenth of a second that a process which never checks a value need not pay.
    from jsonschema import Draft202012Validator, FormatChecker  # noqa: PLC0415
    from jsonschema.exceptions import SchemaError, best_match  # noqa: PLC0415
    from jsonschema.validators import validator_for  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    kind = validator_for(schema, default=Draft202012Validator)
    checker = FormatChecker()
    for name, parse in _ISO.items():
        checker.checks(name, raises=ValueError)(_parses(parse))
    nothing_else: Registry[Any] = Registry()
    try:
        plain = dict(schema)
        kind.check_schema(plain)
        validator = kind(plain, format_checker=checker, registry=nothing_else)
        error = best_match(validator.iter_errors(value))
    except SchemaError as bad:
        raise SchemaNotRight(f"its schema is not right: {bad.message}") from None
    except Unresolvable as bad:
        raise SchemaNotRight(
            f"its schema refers to {str(bad.ref)!r}, which is not in the schema"
        ) from None
    if error is None:
        return None
    return Violation("".join(f"[{part!r}]" for part in error.absolute_path), error.message)


_ISO: dict[str, Callable[[str], object]] = {
    "date-time": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
}


def _parses(parse: Callable[[str], object]) -> Callable[[object], bool]:
    def check(value: object) -> bool:
        if isinstance(value, str):
            parse(value)
        return True

    return check
