"""The tables of Airflow's metadata DB that an import reads, in both generations, with some rows.

Written after the schemas of Airflow 2.10.5 and 3.3.2: names and types are theirs, columns that
nothing here reads are left out. Both databases take the statements; what they spell differently
is put in by `columns`.
"""

from __future__ import annotations

import json
import pickle
from typing import Any

from cryptography.fernet import Fernet
from sqlalchemy import Connection, create_engine, text

KEY, OLD_KEY, OTHER_KEY = (Fernet.generate_key().decode() for _ in range(3))
CONF = {"n": 3, "names": ["a", "b"], "deep": {"x": None, "y": 1.5, "z": True}}

SHARED = """
CREATE TABLE connection (id INTEGER PRIMARY KEY, conn_id VARCHAR(250) NOT NULL UNIQUE,
    conn_type VARCHAR(500) NOT NULL, description TEXT, host VARCHAR(500), "schema" VARCHAR(500),
    login TEXT, password TEXT, port INTEGER, is_encrypted BOOLEAN, is_extra_encrypted BOOLEAN,
    extra TEXT);
CREATE TABLE variable (id INTEGER PRIMARY KEY, "key" VARCHAR(250) UNIQUE, val TEXT,
    description TEXT, is_encrypted BOOLEAN);
CREATE TABLE slot_pool (id INTEGER PRIMARY KEY, pool VARCHAR(256) UNIQUE, slots INTEGER,
    description TEXT, include_deferred BOOLEAN NOT NULL);
CREATE TABLE dag_run_note (user_id VARCHAR(128), dag_run_id INTEGER PRIMARY KEY,
    content VARCHAR(1000));
INSERT INTO slot_pool VALUES (1, 'default_pool', 64, 'Default pool', FALSE),
    (2, 'narrow', 2, NULL, TRUE);
INSERT INTO dag_run_note VALUES (NULL, 1, 'looked at');
"""
AIRFLOW_2 = """
CREATE TABLE dag (dag_id VARCHAR(250) PRIMARY KEY, is_paused BOOLEAN, is_active BOOLEAN);
INSERT INTO dag VALUES ('etl', FALSE, TRUE), ('gone', TRUE, TRUE), ('old', FALSE, FALSE);
CREATE TABLE dag_run (id INTEGER PRIMARY KEY, dag_id VARCHAR(250) NOT NULL, queued_at {time},
    execution_date {time} NOT NULL, start_date {time}, end_date {time}, state VARCHAR(50),
    run_id VARCHAR(250) NOT NULL, external_trigger BOOLEAN, run_type VARCHAR(50) NOT NULL,
    conf {bytes}, data_interval_start {time}, data_interval_end {time},
    clear_number INTEGER NOT NULL DEFAULT 0);
CREATE TABLE task_instance (task_id VARCHAR(250), dag_id VARCHAR(250), run_id VARCHAR(250),
    map_index INTEGER, start_date {time}, end_date {time}, state VARCHAR(20), try_number INTEGER,
    max_tries INTEGER, hostname VARCHAR(1000), queued_dttm {time},
    PRIMARY KEY (dag_id, task_id, run_id, map_index));
CREATE TABLE task_instance_history (id INTEGER PRIMARY KEY, task_id VARCHAR(250),
    dag_id VARCHAR(250), run_id VARCHAR(250), map_index INTEGER, try_number INTEGER,
    start_date {time}, end_date {time}, state VARCHAR(20), hostname VARCHAR(1000),
    queued_dttm {time});
CREATE TABLE task_instance_note (user_id VARCHAR(128), task_id VARCHAR(250),
    dag_id VARCHAR(250), run_id VARCHAR(250), map_index INTEGER, content VARCHAR(1000));
INSERT INTO task_instance_note VALUES
    (NULL, 'b', 'etl', 'scheduled__2026-03-01T00:00:00+00:00', -1, 'slow');
"""
AIRFLOW_3 = """
CREATE TABLE dag (dag_id VARCHAR(250) PRIMARY KEY, is_paused BOOLEAN, is_stale BOOLEAN NOT NULL);
INSERT INTO dag VALUES ('etl', FALSE, FALSE), ('gone', TRUE, FALSE), ('old', FALSE, TRUE);
CREATE TABLE dag_run (id INTEGER PRIMARY KEY, dag_id VARCHAR(250) NOT NULL, queued_at {time},
    logical_date {time}, start_date {time}, end_date {time}, state VARCHAR(50),
    run_id VARCHAR(250) NOT NULL, run_type VARCHAR(50) NOT NULL, triggered_by VARCHAR(50),
    conf {json}, data_interval_start {time}, data_interval_end {time}, run_after {time} NOT NULL,
    clear_number INTEGER NOT NULL DEFAULT 0);
CREATE TABLE task_instance (id CHAR(32) PRIMARY KEY, task_id VARCHAR(250), dag_id VARCHAR(250),
    run_id VARCHAR(250), map_index INTEGER, start_date {time}, end_date {time},
    state VARCHAR(20), try_number INTEGER, max_tries INTEGER, hostname VARCHAR(1000),
    queued_dttm {time});
CREATE TABLE task_instance_history (task_instance_id CHAR(32) PRIMARY KEY, task_id VARCHAR(250),
    dag_id VARCHAR(250), run_id VARCHAR(250), map_index INTEGER, try_number INTEGER,
    start_date {time}, end_date {time}, state VARCHAR(20), hostname VARCHAR(1000),
    queued_dttm {time});
CREATE TABLE task_instance_note (ti_id CHAR(32) PRIMARY KEY, user_id VARCHAR(128),
    content VARCHAR(1000));
INSERT INTO task_instance_note VALUES ('ti-1-b--1', NULL, 'slow');
"""
SPELLINGS = {
    "sqlite": {"time": "TIMESTAMP", "bytes": "BLOB", "json": "JSON"},
    "postgresql": {"time": "TIMESTAMP WITH TIME ZONE", "bytes": "BYTEA", "json": "JSONB"},
}
RUNS = (
    # id, dag, day, run type, state
    (1, "etl", 1, "scheduled", "success"),
    (2, "etl", 2, "scheduled", "failed"),
    (3, "etl", 3, "manual", "success"),
    (4, "etl", 4, "scheduled", "running"),
    (5, "gone", 1, "scheduled", "success"),
)


def fill(url: str, generation: str) -> None:
    """Make the tables of a generation ("2" or "3") in an empty database, and rows in them."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    spelt = SPELLINGS[engine.dialect.name]
    with engine.begin() as conn:
        if engine.dialect.name == "postgresql":
            conn.execute(text("SET LOCAL timezone = 'UTC'"))
        for script in (SHARED, AIRFLOW_2 if generation == "2" else AIRFLOW_3):
            for statement in filter(str.strip, script.format(**spelt).split(";")):
                conn.execute(text(statement))
        _secrets(conn)
        for run in RUNS:
            _run(conn, generation, *run)
    engine.dispose()


def _insert(conn: Connection, table: str, **values: Any) -> None:
    names = ", ".join(f'"{name}"' for name in values)
    slots = ", ".join(f":{name}" for name in values)
    conn.execute(text(f"INSERT INTO {table} ({names}) VALUES ({slots})"), values)  # noqa: S608


def _secrets(conn: Connection) -> None:
    new, old = Fernet(KEY), Fernet(OLD_KEY)
    shop = {"conn_id": "shop", "conn_type": "http", "host": "shop.example", "port": 80}
    sealed = {"password": old.encrypt(b"pw").decode(), "extra": new.encrypt(b'{"a": 1}').decode()}
    _insert(conn, "connection", id=1, **shop, **sealed, is_encrypted=True, is_extra_encrypted=True)
    plain = {"conn_id": "bare", "conn_type": "fs", "extra": '{"path": "/"}', "schema": ""}
    _insert(conn, "connection", id=2, **plain, is_encrypted=False, is_extra_encrypted=False)
    city = {"key": "city", "val": new.encrypt(b"Delft").decode(), "description": "where"}
    _insert(conn, "variable", id=1, **city, is_encrypted=True)
    _insert(conn, "variable", id=2, key="n", val="3", is_encrypted=False)


def _run(
    conn: Connection, generation: str, key: int, dag_id: str, day: int, kind: str, state: str
) -> None:
    # Airflow writes no zone into SQLite; PostgreSQL takes it for the session's, which is UTC.
    start = f"2026-03-{day:02} 00:00:00.000000"
    end = f"2026-03-{day + 1:02} 00:00:00.000000"
    run = {
        "id": key,
        "dag_id": dag_id,
        "run_id": f"{kind}__{start[:10]}T00:00:00+00:00",
        "run_type": kind,
        "state": state,
        "start_date": end.replace("00:00:00.", "00:00:05."),
        "end_date": end.replace("00:00:00.", "00:09:00."),
        "data_interval_start": start,
        "data_interval_end": end,
        "clear_number": 1 if key == 2 else 0,
    }
    if generation == "2":
        conf = pickle.dumps(CONF if key == 1 else _NotPlain() if key == 3 else {})
        run |= {"execution_date": start, "external_trigger": kind == "manual", "conf": conf}
    else:
        run |= {"logical_date": start, "run_after": end, "triggered_by": "TIMETABLE"}
        run |= {"conf": json.dumps(CONF if key == 1 else {})}
    _insert(conn, "dag_run", **run)
    _tasks(conn, generation, run)


def _tasks(conn: Connection, generation: str, run: dict[str, Any]) -> None:
    of_run = {"dag_id": run["dag_id"], "run_id": run["run_id"], "hostname": "worker-1"}
    of_run |= {name: run[name] for name in ("start_date", "end_date")}
    failed = run["state"] == "failed"
    for task_id, map_index, state, number in (
        ("a", -1, "success", 1),
        ("b", -1, "failed" if failed else "success", 2),
        ("m", 0, "upstream_failed" if failed else "success", 0 if failed else 1),
        ("m", 1, None, 0),
    ):
        ti = {**of_run, "task_id": task_id, "map_index": map_index, "state": state}
        ti |= {"try_number": number, "max_tries": 1}
        if number == 0:
            ti |= {"start_date": None, "end_date": None, "hostname": ""}
        key = f"ti-{run['id']}-{task_id}-{map_index}"
        _insert(conn, "task_instance", **ti, **({"id": key} if generation == "3" else {}))
    earlier = {**of_run, "task_id": "b", "map_index": -1, "state": "failed", "try_number": 1}
    earlier |= {"task_instance_id": f"h-{run['id']}"} if generation == "3" else {"id": run["id"]}
    _insert(conn, "task_instance_history", **earlier)


class _NotPlain:
    """What nothing but unpickling could read."""
