"""XComs: what tasks tell each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tradewind.errors import UserError
from tradewind.model.ids import UNMAPPED
from tradewind.sdk import current, runtime, serde
from tradewind.wire.messages import DeleteXCom, GetXComs, SetXCom

XCOM_RETURN_KEY = "return_value"

_PAGE = 10_000
"""XComs read at a time; a mapped task can have more."""


class Pulled(NamedTuple):
    """One XCom."""

    task_id: str
    map_index: int
    value: Any


def pull(
    key: str,
    task_ids: Sequence[str],
    *,
    map_indexes: Sequence[int] | None = None,
    dag_id: str | None = None,
    run_id: str | None = None,
    include_prior_dates: bool = False,
) -> Iterator[Pulled]:
    """Yield XComs, by task in the order given and then by map index.

    Args:
        key: the XComs' key.
        task_ids: whose XComs.
        map_indexes: of which instances; None means all.
        dag_id: the DAG; None means the calling task's own.
        run_id: the run; None means the calling task's own.
        include_prior_dates: where the run has none, take those of the latest earlier run.
    """
    offset = 0
    while True:
        reply = runtime.call(
            GetXComs(
                key=key,
                task_ids=tuple(task_ids),
                map_indexes=None if map_indexes is None else tuple(map_indexes),
                dag_id=dag_id,
                run_id=run_id,
                include_prior_dates=include_prior_dates,
                offset=offset,
                limit=_PAGE,
            )
        )
        items = reply["items"]
        for item in items:
            yield Pulled(item["task_id"], item["map_index"], serde.loads(item["value"]))
        if len(items) < _PAGE:
            return
        offset += _PAGE


def newest(
    key: str | None,
    task_ids: Sequence[str],
    *,
    dag_id: str | None,
    run_id: str | None,
    include_prior_dates: bool,
) -> Pulled | None:
    """Return the XCom that was pushed last; None when there is none.

    Args:
        key: its key; None means any.
        task_ids: of one of these tasks; none means any.
        dag_id: the DAG; None means the calling task's own.
        run_id: the run; None means the calling task's own.
        include_prior_dates: where the run has none, take the latest earlier run's.
    """
    reply = runtime.call(
        GetXComs(
            key=key or "",
            task_ids=tuple(task_ids),
            dag_id=dag_id,
            run_id=run_id,
            include_prior_dates=include_prior_dates,
            limit=1,
        )
    )
    for item in reply["items"]:
        return Pulled(item["task_id"], item["map_index"], serde.loads(item["value"]))
    return None


class BaseXCom:
    """Read and write XComs by their full names. Tasks usually use `ti.xcom_pull`."""

    XCOM_RETURN_KEY = XCOM_RETURN_KEY

    @classmethod
    def get_one(
        cls,
        *,
        key: str,
        task_id: str,
        dag_id: str | None = None,
        run_id: str | None = None,
        map_index: int | None = None,
        include_prior_dates: bool = False,
    ) -> Any:
        """Return one XCom's value, or None when there is none."""
        found = pull(
            key,
            (task_id,),
            map_indexes=(UNMAPPED if map_index is None else map_index,),
            dag_id=dag_id,
            run_id=run_id,
            include_prior_dates=include_prior_dates,
        )
        return next((item.value for item in found), None)

    @classmethod
    def get_value(cls, *, ti_key: Any, key: str = XCOM_RETURN_KEY) -> Any:
        """Return the XCom of the task instance that a `ti.key` names."""
        return cls.get_one(
            key=key,
            task_id=ti_key.task_id,
            dag_id=ti_key.dag_id,
            run_id=ti_key.run_id,
            map_index=ti_key.map_index,
        )

    @classmethod
    def get_all(
        cls,
        *,
        key: str,
        task_id: str,
        dag_id: str | None = None,
        run_id: str | None = None,
        include_prior_dates: bool = False,
    ) -> list[Any] | None:
        """Return the values of all instances of a task, or None when there is none."""
        found = pull(
            key, (task_id,), dag_id=dag_id, run_id=run_id, include_prior_dates=include_prior_dates
        )
        return [item.value for item in found] or None

    @classmethod
    def set(
        cls,
        key: str,
        value: Any,
        *,
        dag_id: str | None = None,
        task_id: str | None = None,
        run_id: str | None = None,
        map_index: int | None = None,
    ) -> None:
        """Write an XCom of the calling task.

        Raises:
            UserError: the names given are another task's: a task writes only its own.
            DagError: the value cannot be stored.
        """
        _check_own(dag_id, task_id, run_id, map_index)
        push(key, value)

    @classmethod
    def delete(
        cls,
        *,
        key: str,
        task_id: str | None = None,
        dag_id: str | None = None,
        run_id: str | None = None,
        map_index: int | None = None,
    ) -> None:
        """Remove an XCom of the calling task.

        Raises:
            UserError: the names given are another task's.
        """
        _check_own(dag_id, task_id, run_id, map_index)
        runtime.call(DeleteXCom(key=key))

    @staticmethod
    def serialize_value(value: Any, **_names: Any) -> str:
        """Return a value as typed JSON."""
        return serde.dumps(value).decode()

    @staticmethod
    def deserialize_value(result: Any) -> Any:
        """Return the value of typed JSON; takes the text, or an object that has it as `value`."""
        return serde.loads(getattr(result, "value", result))


XCom = BaseXCom


def push(key: str, value: Any) -> None:
    """Write an XCom of the calling task at once.

    Raises:
        DagError: the value cannot be stored.
    """
    runtime.call(SetXCom(key=key, value=serde.dumps(value, f"the XCom {key!r}")))


def _check_own(
    dag_id: str | None, task_id: str | None, run_id: str | None, map_index: int | None
) -> None:
    context = current.peek()
    if context is None:
        return
    ti = context["ti"]
    own = (ti.dag_id, ti.task_id, ti.run_id, ti.map_index)
    for given, mine in zip((dag_id, task_id, run_id, map_index), own, strict=True):
        if given is not None and given != mine:
            raise UserError(
                f"a task writes only its own XComs: this is task {ti.task_id!r} of run"
                f" {ti.run_id!r} of DAG {ti.dag_id!r}, and {given!r} was given"
            )
