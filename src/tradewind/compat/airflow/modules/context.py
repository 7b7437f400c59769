"""`airflow.utils.context` and what tells sub-processes of the running task."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from tradewind.sdk import policies

DEFAULT_FORMAT_PREFIX = "airflow.ctx."
ENV_VAR_FORMAT_PREFIX = "AIRFLOW_CTX_"

AIRFLOW_VAR_NAME_FORMAT_MAPPING = {
    f"AIRFLOW_CONTEXT_{name}": {
        "default": f"{DEFAULT_FORMAT_PREFIX}{name.lower()}",
        "env_var_format": f"{ENV_VAR_FORMAT_PREFIX}{name}",
    }
    for name in (
        "DAG_ID",
        "TASK_ID",
        "LOGICAL_DATE",
        "TRY_NUMBER",
        "DAG_RUN_ID",
        "DAG_OWNER",
        "DAG_EMAIL",
    )
}


def context_merge(context: MutableMapping[str, Any], *args: Any, **kwargs: Any) -> None:
    """Put more values into a context, in place."""
    context.update(*args, **kwargs)


def context_get_outlet_events(context: Mapping[str, Any]) -> Any:
    """Return what a task emits events of assets with."""
    return context["outlet_events"]


def context_to_airflow_vars(
    context: Mapping[str, Any], in_env_var_format: bool = False
) -> dict[str, str]:
    """Return what names the running task, for a sub-process or a query's comment.

    Args:
        context: the task's.
        in_env_var_format: name them as environment variables, like AIRFLOW_CTX_DAG_ID.
    """
    task, ti, run = context.get("task"), context.get("ti"), context.get("dag_run")
    email = getattr(task, "email", None) or ()
    logical = getattr(run, "logical_date", None)
    found = {
        "DAG_ID": getattr(ti, "dag_id", None),
        "TASK_ID": getattr(ti, "task_id", None),
        "LOGICAL_DATE": logical.isoformat() if logical else None,
        "TRY_NUMBER": getattr(ti, "try_number", None),
        "DAG_RUN_ID": getattr(run, "run_id", None),
        "DAG_OWNER": getattr(task, "owner", None),
        "DAG_EMAIL": email if isinstance(email, str) else ",".join(email),
    }
    form = "env_var_format" if in_env_var_format else "default"
    more = {
        f"AIRFLOW_CTX_{name.upper()}" if in_env_var_format else f"airflow.ctx.{name}": value
        for name, value in policies.context_variables(context).items()
    }
    return more | {
        AIRFLOW_VAR_NAME_FORMAT_MAPPING[f"AIRFLOW_CONTEXT_{name}"][form]: str(value)
        for name, value in found.items()
        if value
    }
