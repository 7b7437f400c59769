"""Operators of one database each, as Airflow 1 and 2 had them: `PostgresOperator` and its kin.

Provider packages have one class for all, `SQLExecuteQueryOperator`; these give it the old names
of its arguments. They need the package apache-airflow-providers-common-sql.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from inspect import Parameter, Signature
from typing import Any

_CONNECTIONS = {
    "PostgresOperator": ("postgres_conn_id", "postgres_default"),
    "MySqlOperator": ("mysql_conn_id", "mysql_default"),
    "SqliteOperator": ("sqlite_conn_id", "sqlite_default"),
    "MsSqlOperator": ("mssql_conn_id", "mssql_default"),
    "JdbcOperator": ("jdbc_conn_id", "jdbc_default"),
    "SnowflakeOperator": ("snowflake_conn_id", "snowflake_default"),
    "OracleOperator": ("oracle_conn_id", "oracle_default"),
    "TrinoOperator": ("trino_conn_id", "trino_default"),
    "VerticaOperator": ("vertica_conn_id", "vertica_default"),
}
"""The argument that names the connection, and its default."""

_HOOK_PARAMS = ("warehouse", "role", "schema", "authenticator", "session_parameters")
"""Arguments of some of them that are the hook's."""


def __getattr__(name: str) -> Any:
    """Make a class when it is first asked for: what it derives from may not be installed."""
    if name not in _CONNECTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module: Any = import_module("airflow.providers.common.sql.operators.sql")
    return _made(name, module.SQLExecuteQueryOperator)


@cache
def _made(name: str, base: Any) -> Any:
    argument, default = _CONNECTIONS[name]

    def __init__(self: Any, *, hook_params: Any = None, **kwargs: Any) -> None:  # noqa: N807
        params = {key: kwargs.pop(key) for key in _HOOK_PARAMS if kwargs.get(key) is not None}
        kwargs.setdefault("conn_id", kwargs.pop(argument, None) or default)
        base.__init__(self, hook_params={**(hook_params or {}), **params} or None, **kwargs)

    __init__.__signature__ = _signature(argument)  # type: ignore[attr-defined]
    doc = f"SQLExecuteQueryOperator, with the connection as `{argument}`."
    return type(base)(name, (base,), {"__init__": __init__, "__doc__": doc, "__module__": __name__})


def _signature(argument: str) -> Signature:
    """Return the arguments by name, so that `default_args` reach them."""
    names = (argument, "hook_params", *_HOOK_PARAMS)
    keyword = [Parameter(name, Parameter.KEYWORD_ONLY, default=None) for name in names]
    own = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
    return Signature([own, *keyword, Parameter("kwargs", Parameter.VAR_KEYWORD)])
