"""Variables: named values that DAGs share."""

from __future__ import annotations

import json
from typing import Any

from tradewind.errors import DagError, NotFound
from tradewind.model.telling import is_telling
from tradewind.sdk import runtime, secrets_backend
from tradewind.sdk.exceptions import VariableNotFound
from tradewind.sdk.lookup import from_environment
from tradewind.sdk.masking import mask_secret
from tradewind.wire.messages import DeleteVariable, GetVariable, ListVariables, SetVariable

_UNSET: Any = object()


class Variable:
    """Read and write variables.

    The deployment's secrets backend is asked first, then the environment (`TRADEWIND_VAR_<KEY>`,
    `AIRFLOW_VAR_<KEY>`), then the server.
    """

    @staticmethod
    def get(
        key: str,
        default: Any = _UNSET,
        deserialize_json: bool = False,
        *,
        default_var: Any = _UNSET,
    ) -> Any:
        """Return a variable's value.

        Args:
            key: its name.
            default: returned, as it is, when there is none.
            deserialize_json: the value is JSON; return what it stands for.
            default_var: the old spelling of `default`.

        Raises:
            VariableNotFound: there is none and no default is given.
            DagError: the value is not JSON.
        """
        fallback = default if default is not _UNSET else default_var
        text = secrets_backend.variable(key)
        if text is None:
            text = from_environment("VAR", key)
        if text is None:
            if runtime.current() is None and fallback is not _UNSET:
                return fallback  # plain `python my_dag.py`: nobody to ask
            try:
                text = runtime.call(GetVariable(key))["value"]
            except NotFound:
                if fallback is not _UNSET:
                    return fallback
                raise _missing(key) from None
        if is_telling(key):
            mask_secret(text)
        return _from_json(key, text) if deserialize_json else text

    @staticmethod
    def set(
        key: str, value: Any, description: str | None = None, serialize_json: bool = False
    ) -> None:
        """Make or change a variable.

        Args:
            key: its name.
            value: its value; anything but a string is turned into one.
            description: for people.
            serialize_json: store the value as JSON.
        """
        text = json.dumps(value, indent=2) if serialize_json else str(value)
        runtime.call(SetVariable(key=key, value=text, description=description))

    @staticmethod
    def delete(key: str) -> None:
        """Remove a variable; nothing happens when there is none."""
        runtime.call(DeleteVariable(key))

    @staticmethod
    def keys(prefix: str = "") -> list[str]:
        """Return the keys that start with a prefix, sorted."""
        found: list[str] = runtime.call(ListVariables(prefix))["keys"]
        return sorted(found)

    @staticmethod
    def setdefault(key: str, default: Any, deserialize_json: bool = False) -> Any:
        """Return a variable's value, making it with the default first when there is none."""
        try:
            return Variable.get(key, deserialize_json=deserialize_json)
        except VariableNotFound:
            Variable.set(key, default, serialize_json=deserialize_json)
            return default


def _missing(key: str) -> VariableNotFound:
    return VariableNotFound(
        f"there is no variable {key!r}. Make it with `tradewind variables set {key} VALUE`, set"
        f" TRADEWIND_VAR_{key.upper()}, or give Variable.get() a default"
    )


def _from_json(key: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise DagError(
            f"variable {key!r} is read with deserialize_json=True, but its value is not JSON:"
            f" {error}"
        ) from None
