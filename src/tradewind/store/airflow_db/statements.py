"""The SQL for each generation of Airflow's schema.

Written out, with the names that each generation has: what is read is what stands here. Both have
the tables `connection`, `variable` and `slot_pool` alike.
"""

from __future__ import annotations

from typing import NamedTuple

CONNECTIONS = """
    SELECT conn_id, conn_type, description, host, "schema", login, password, port, extra,
           is_encrypted, is_extra_encrypted
    FROM connection ORDER BY conn_id
"""
VARIABLES = """SELECT "key", val, description, is_encrypted FROM variable ORDER BY "key" """
POOLS = "SELECT pool, slots, description, include_deferred FROM slot_pool ORDER BY pool"

COUNT = "SELECT count(*) FROM dag_run WHERE state IN ('success', 'failed')"
UNFINISHED = "SELECT count(*) FROM dag_run WHERE state NOT IN ('success', 'failed')"

_TASKS = """
    SELECT r.id, t.task_id, t.map_index, t.state, t.try_number, t.max_tries, t.queued_dttm,
           t.start_date, t.end_date, t.hostname
    FROM task_instance t JOIN dag_run r ON r.dag_id = t.dag_id AND r.run_id = t.run_id
    WHERE r.id BETWEEN :first AND :last AND r.state IN ('success', 'failed')
    ORDER BY r.id, t.task_id, t.map_index
"""
_TRIES = """
    SELECT r.id, t.task_id, t.map_index, t.state, t.try_number, t.queued_dttm,
           t.start_date, t.end_date, t.hostname
    FROM task_instance_history t JOIN dag_run r ON r.dag_id = t.dag_id AND r.run_id = t.run_id
    WHERE r.id BETWEEN :first AND :last AND r.state IN ('success', 'failed')
    ORDER BY r.id, t.task_id, t.map_index, t.try_number
"""
_RUN_NOTES = """
    SELECT dag_run_id AS id, content FROM dag_run_note WHERE dag_run_id BETWEEN :first AND :last
"""


class Generation(NamedTuple):
    """The statements of one generation.

    probe: fails on a database of another one.
    runs: of ended runs, in the order of their keys, from one key on.
    tasks, tries, run_notes, task_notes: of the runs between two keys.
    dags: those that there are. scheduled: the runs that schedules made for times in a span.
    before: the last such run of each DAG before the span.
    """

    name: str
    probe: str
    runs: str
    tasks: str
    tries: str
    run_notes: str
    task_notes: str
    dags: str
    scheduled: str
    before: str


AIRFLOW_2 = Generation(
    name="2.10",
    probe="SELECT execution_date, external_trigger FROM dag_run WHERE 1 = 0",
    runs="""
        SELECT id, dag_id, run_id, run_type, state, execution_date AS logical_date,
               COALESCE(CASE WHEN run_type = 'manual' THEN NULL ELSE data_interval_end END,
                        execution_date) AS run_after,
               data_interval_start, data_interval_end, queued_at, start_date, end_date, conf,
               NULL AS triggered_by, clear_number
        FROM dag_run WHERE id > :after AND state IN ('success', 'failed') ORDER BY id LIMIT :most
    """,
    tasks=_TASKS,
    tries=_TRIES,
    run_notes=_RUN_NOTES,
    task_notes="""
        SELECT r.id, n.task_id, n.map_index, n.content
        FROM task_instance_note n JOIN dag_run r ON r.dag_id = n.dag_id AND r.run_id = n.run_id
        WHERE r.id BETWEEN :first AND :last
    """,
    dags="SELECT dag_id, is_paused FROM dag WHERE is_active ORDER BY dag_id",
    scheduled="""
        SELECT dag_id, data_interval_end AS run_after, execution_date AS logical_date,
               data_interval_start, data_interval_end
        FROM dag_run
        WHERE run_type = 'scheduled' AND data_interval_end BETWEEN :since AND :until
        ORDER BY data_interval_end
    """,
    before="""
        SELECT r.dag_id, r.data_interval_end AS run_after, r.execution_date AS logical_date,
               r.data_interval_start, r.data_interval_end
        FROM dag_run r
        JOIN (SELECT dag_id, MAX(execution_date) AS newest FROM dag_run
              WHERE run_type = 'scheduled' AND data_interval_end < :since GROUP BY dag_id) n
          ON n.dag_id = r.dag_id AND n.newest = r.execution_date
    """,
)
AIRFLOW_3 = Generation(
    name="3",
    probe="SELECT logical_date, run_after FROM dag_run WHERE 1 = 0",
    runs="""
        SELECT id, dag_id, run_id, run_type, state, logical_date, run_after,
               data_interval_start, data_interval_end, queued_at, start_date, end_date, conf,
               triggered_by, clear_number
        FROM dag_run WHERE id > :after AND state IN ('success', 'failed') ORDER BY id LIMIT :most
    """,
    tasks=_TASKS,
    tries=_TRIES,
    run_notes=_RUN_NOTES,
    task_notes="""
        SELECT r.id, t.task_id, t.map_index, n.content
        FROM task_instance_note n JOIN task_instance t ON t.id = n.ti_id
        JOIN dag_run r ON r.dag_id = t.dag_id AND r.run_id = t.run_id
        WHERE r.id BETWEEN :first AND :last
    """,
    dags="SELECT dag_id, is_paused FROM dag WHERE NOT is_stale ORDER BY dag_id",
    scheduled="""
        SELECT dag_id, run_after, logical_date, data_interval_start, data_interval_end
        FROM dag_run
        WHERE run_type = 'scheduled' AND run_after BETWEEN :since AND :until ORDER BY run_after
    """,
    before="""
        SELECT r.dag_id, r.run_after, r.logical_date, r.data_interval_start, r.data_interval_end
        FROM dag_run r
        JOIN (SELECT dag_id, MAX(run_after) AS newest FROM dag_run
              WHERE run_type = 'scheduled' AND run_after < :since GROUP BY dag_id) n
          ON n.dag_id = r.dag_id AND n.newest = r.run_after
        WHERE r.run_type = 'scheduled'
    """,
)
GENERATIONS = (AIRFLOW_3, AIRFLOW_2)
