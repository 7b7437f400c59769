"""Variables."""

from __future__ import annotations

import json
from typing import Any

from tradewind.errors import NotFound
from tradewind.sdk.exceptions import VariableNotFound
from tradewind.sdk.instance import call
from tradewind.wire.messages import DeleteVariable, GetVariable, ListVariables, SetVariable

_NONE = object()


class Variable:
    """Named values that DAGs share."""

    @staticmethod
    def get(
        key: str, default: Any = _NONE, deserialize_json: bool = False, default_var: Any = _NONE
    ) -> Any:
        """Return a variable's value.

        Raises:
            VariableNotFound: there is none and no default is given.
        """
        fallback = default if default is not _NONE else default_var
        try:
            value = call(GetVariable(key))["value"]
        except NotFound as error:
            if fallback is not _NONE:
                return fallback
            raise VariableNotFound(str(error)) from error
        return json.loads(value) if deserialize_json else value

    @staticmethod
    def set(
        key: str, value: Any, description: str | None = None, serialize_json: bool = False
    ) -> None:
        """Make or change a variable."""
        text = json.dumps(value, indent=2) if serialize_json else str(value)
        call(SetVariable(key=key, value=text, description=description))

    @staticmethod
    def delete(key: str) -> None:
        """Remove a variable."""
        call(DeleteVariable(key))

    @staticmethod
    def keys(prefix: str = "") -> list[str]:
        """Return the keys that start with a prefix."""
        found: list[str] = call(ListVariables(prefix))["keys"]
        return found
