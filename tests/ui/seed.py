"""A database as a busy installation has it: many DAGs, failures, live runs, long logs.

Rows are written as they would have come to be, all from one seed and one moment, so that
pages and pictures of them are the same each time.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select, text

from tradewind.model.ids import TiKey
from tradewind.model.outcome import Question
from tradewind.model.schedule import CronTrigger, NoSchedule, ScheduleSpec
from tradewind.model.spec import (
    AssetRef,
    DagSpec,
    ExpandSpec,
    GroupSpec,
    MapLiteral,
    ParamSpec,
    TaskSpec,
)
from tradewind.model.state import TriggerRule
from tradewind.store import tables, task_notes
from tradewind.store.catalog import PublishedFile, publish
from tradewind.store.connect import Database
from tradewind.store.read.scheduling import latest_version
from tradewind.wire.logs import instance_folder, segment_path

NOW = datetime(2026, 3, 18, 9, 42, tzinfo=UTC)

_TEAMS = ("data-platform", "finance", "growth", "risk", "logistics")
_THINGS = (
    "orders", "payments", "customers", "sessions", "inventory", "shipments", "refunds",
    "pricing", "ledger", "invoices", "clickstream", "recommendations", "fraud_scores", "churn",
)  # fmt: skip
_VERBS = ("ingest", "clean", "model", "export", "reconcile", "report")
_ERRORS = (
    "KeyError: 'customer_id'",
    "OperationalError: connection to warehouse-eu-2.internal timed out after 30 s",
    "ValueError: 318 of 41,200 rows have a negative amount",
    "the task took longer than its execution_timeout of 1800 s",
    "exit code 137 (killed: out of memory)",
)

_OF_A_RUN = frozenset({"run_pk", "run_id", "run_after", "logical_date"})
_TRACEBACK = """Traceback (most recent call last):
  File "/dags/finance/ledger.py", line 84, in reconcile
    total = sum(row["amount"] for row in rows)
KeyError: 'amount'"""


class Seeder:
    """Writes DAGs and their history."""

    def __init__(self, db: Database, logs: Path, now: datetime = NOW, seed: int = 7) -> None:
        self.db, self.logs, self.now = db, logs, now
        self.random = random.Random(seed)
        self._sequence = 0

    def dag(
        self,
        spec: DagSpec,
        *,
        runs: int,
        every: timedelta,
        fail: float = 0.02,
        live: int = 0,
        paused: bool = False,
        file: str = "",
    ) -> None:
        """Publish a DAG and write its runs: `live` of them are not finished."""
        file = file or f"{spec.dag_id}.py"
        found = PublishedFile(
            dag_file=file, source_hash="", tree_hash="", specs=(spec,), parsed_at=self.now
        )
        publish(self.db, [found], self.now, paused_at_creation=paused)
        version = latest_version(self.db, spec.dag_id)
        assert version is not None
        with self.db.write() as conn:
            for number in range(runs):
                after = self.now - every * (runs - number)
                self._run(conn, version.version_id, spec, after, number >= runs - live, fail)
            conn.execute(
                tables.dag.update()
                .where(tables.dag.c.dag_id == spec.dag_id)
                .values(next_due=None if paused else self.now + every * self.random.random())
            )

    def repeated(self, spec: DagSpec, *, runs: int, every: timedelta) -> None:
        """Write a large DAG fast: its runs are copies of one, but for a few failures."""
        self.dag(spec, runs=1, every=every * runs, fail=0.0)
        columns = [c.name for c in tables.task_instance.c if c.name != "run_pk"]
        names = ", ".join(columns)
        run_columns = ", ".join(c.name for c in tables.dag_run.c if c.name not in _OF_A_RUN)
        with self.db.write() as conn:
            first = conn.execute(
                select(tables.dag_run.c.run_pk).where(tables.dag_run.c.dag_id == spec.dag_id)
            ).scalar_one()
            for number in range(1, runs):
                after = self.now - every * (runs - number)
                conn.execute(
                    text(  # the names are the tables' own
                        f"INSERT INTO dag_run ({run_columns}, run_id, run_after, logical_date)"
                        f" SELECT {run_columns}, :id, :at, :at FROM dag_run WHERE run_pk = :first"
                    ),
                    {
                        "id": f"scheduled__{after.isoformat()}",
                        "at": int(after.timestamp() * 1_000_000),
                        "first": first,
                    },
                )
                conn.execute(
                    text(
                        f"INSERT INTO task_instance (run_pk, {names}) SELECT"
                        f" (SELECT max(run_pk) FROM dag_run), {names}"
                        " FROM task_instance WHERE run_pk = :first"
                    ),
                    {"first": first},
                )
            conn.execute(
                text(
                    "UPDATE task_instance SET state = 'failed'"
                    " WHERE (run_pk * 7919 + length(task_id) + started_at) % 997 = 0"
                )
            )

    def _run(
        self,
        conn: Connection,
        version_id: int,
        spec: DagSpec,
        after: datetime,
        live: bool,
        fail: float,
    ) -> None:
        broken = {
            n
            for n in range(len(spec.tasks))
            if self.random.random() < fail / max(1, len(spec.tasks)) * 4
        }
        progress = self.random.uniform(0.3, 0.8) if live else 2.0
        rows, ended, state = self._instances(spec, after, broken, progress)
        run_state = "running" if live else state
        run_pk = conn.execute(
            insert(tables.dag_run).values(
                dag_id=spec.dag_id,
                run_id=f"scheduled__{after.isoformat()}",
                run_type="scheduled",
                state=run_state,
                version_id=version_id,
                source_hash="",
                tree_hash="",
                run_after=after,
                logical_date=after,
                interval_start=after - timedelta(hours=1),
                interval_end=after,
                queued_at=after,
                started_at=after + timedelta(seconds=1),
                ended_at=None if live else ended,
                conf={},
                triggered_by="timetable",
                clear_number=0,
            )
        ).inserted_primary_key
        assert run_pk is not None
        conn.execute(insert(tables.task_instance), [{**row, "run_pk": run_pk[0]} for row in rows])
        self._attempts(conn, run_pk[0], rows)

    def _instances(
        self, spec: DagSpec, after: datetime, broken: set[int], progress: float
    ) -> tuple[list[dict[str, Any]], datetime, str]:
        ends: list[tuple[datetime, str]] = []
        rows: list[dict[str, Any]] = []
        reach = math.ceil(len(spec.tasks) * progress)
        for n, task in enumerate(spec.tasks):
            ups = [ends[u] for u in task.upstream]
            start = max([e for e, _ in ups], default=after) + timedelta(
                seconds=self.random.uniform(0.2, 2)
            )
            length = self.random.lognormvariate(3, 0.8) * (1 + n % 3)
            end = min(start + timedelta(seconds=length), self.now - timedelta(seconds=n % 40))
            start = min(start, end - timedelta(seconds=1))
            if any(s in {"failed", "upstream_failed"} for _, s in ups) and (
                task.trigger_rule is TriggerRule.ALL_SUCCESS
            ):
                state = "upstream_failed"
            elif n in broken:
                state = "failed"
            elif self.random.random() < 0.01:
                state = "skipped"
            else:
                state = "success"
            if n >= reach:
                past = n - reach
                waits = ("running", "running", "up_for_retry", "deferred", "queued", "scheduled")
                state = waits[past] if past < len(waits) else "none"
            ends.append((end, state))
            rows.extend(self._mapped(task, state, start, end))
        failed = any(s in {"failed", "upstream_failed"} for _, s in ends)
        return rows, max((e for e, _ in ends), default=after), "failed" if failed else "success"

    def _mapped(
        self, task: TaskSpec, state: str, start: datetime, end: datetime
    ) -> Iterator[dict[str, Any]]:
        count = 24 if task.expand is not None and state not in {"none", "upstream_failed"} else 0
        for index in range(count) if count else (-1,):
            own = state
            if count and state == "success" and self.random.random() < 0.02:
                own = "skipped"
            if count and state == "running":
                own = self.random.choice(["success", "success", "running", "queued"])
            begun = own not in {"none", "scheduled", "queued", "upstream_failed", "skipped"}
            tried = 2 if own == "failed" else 1 if begun else 0
            yield {
                "task_id": task.task_id,
                "map_index": index,
                "state": own,
                "try_number": tried,
                "max_tries": task.retries,
                "fence": tried,
                "attempt_id": None,
                "due_at": self.now + timedelta(minutes=4) if own == "up_for_retry" else None,
                "queued_at": start - timedelta(milliseconds=300) if own != "none" else None,
                "started_at": start if begun else None,
                "ended_at": end if begun and own not in {"running", "deferred"} else None,
                "first_started_at": None,
                "reschedule_count": 0,
                "mapped_length": None,
                "returned": False,
                "infra_losses": 0,
                "map_path": "" if index < 0 else str(index),
                "skips": "",
                "reason": self.random.choice(_ERRORS)
                if own in {"failed", "up_for_retry"}
                else None,
            }

    def _attempts(self, conn: Connection, run_pk: int, rows: Sequence[dict[str, Any]]) -> None:
        if len(rows) > 200:
            return
        attempts = []
        for row in rows:
            for number in range(1, row["try_number"] + 1):
                self._sequence += 1
                last = number == row["try_number"]
                attempts.append(
                    {
                        "attempt_id": f"{self._sequence:032x}",
                        "run_pk": run_pk,
                        "task_id": row["task_id"],
                        "map_index": row["map_index"],
                        "fence": number,
                        "try_number": number,
                        "state": "running" if last and row["state"] == "running" else "done",
                        "executor": "LocalExecutor",
                        "queue": None,
                        "claim_token": "",
                        "worker": "worker-eu-1",
                        "hb_counter": 3,
                        "submit_count": 1,
                        "queued_at": row["queued_at"],
                        "claimed_at": row["started_at"],
                        "ended_at": row["ended_at"],
                        "reason": row["reason"],
                    }
                )
        if attempts:
            conn.execute(insert(tables.attempt), attempts)

    def question(self, dag_id: str, run_id: str, task_id: str, question: Question) -> None:
        """Let a task instance wait for an answer."""
        run, ti = tables.dag_run, tables.task_instance
        with self.db.write() as conn:
            run_pk = conn.execute(
                select(run.c.run_pk).where(run.c.dag_id == dag_id, run.c.run_id == run_id)
            ).scalar_one()
            conn.execute(run.update().where(run.c.run_pk == run_pk).values(state="running"))
            conn.execute(
                ti.update()
                .where(ti.c.run_pk == run_pk, ti.c.task_id == task_id)
                .values(state="awaiting_input", reason=None, ended_at=None, fence=1)
            )
            conn.execute(
                insert(tables.hitl_detail).values(
                    run_pk=run_pk,
                    task_id=task_id,
                    map_index=-1,
                    fence=1,
                    subject=question.subject,
                    body=question.body,
                    options=list(question.options),
                    defaults=None,
                    multiple=question.multiple,
                    params=question.params,
                    assigned_users=[],
                    params_input={},
                    created_at=self.now - timedelta(minutes=6),
                )
            )

    def log(
        self, dag_id: str, run_id: str, task_id: str, *, lines: int, failing: bool = True,
        map_index: int = -1, try_number: int = 1,
    ) -> Path:  # fmt: skip
        """Write a task's log."""
        folder = instance_folder(self.logs, dag_id, run_id, task_id, map_index)
        path = segment_path(folder, try_number, try_number)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as handle:
            for n in range(lines):
                handle.write(_line(self.now - timedelta(seconds=lines - n), n, failing, lines))
        return path


def _line(at: datetime, n: int, failing: bool, lines: int) -> bytes:
    level, source, event = "info", "stdout", f"batch {n:,}: 500 rows read, 500 rows written"
    rest: dict[str, Any] = {}
    if n == 0:
        source, event = "tradewind", "attempt started on worker-eu-1"
    elif n % 37 == 9:
        level, event = "warning", f"slow query: {n % 7 + 2}.4 s for 1 page of results"
        rest = {"logger": "warehouse.client"}
    elif n % 11 == 4:
        level, event, rest = "debug", f"GET /v1/orders?page={n} → 200", {"logger": "http"}
    if failing and n == lines - 2:
        level, event = (
            "error",
            _TRACEBACK,
        )
    if failing and n == lines - 1:
        source, level, event = "tradewind", "error", "the task failed: KeyError: 'amount'"
    record = {"ts": at.isoformat().replace("+00:00", "Z"), "level": level, "source": source}
    return json.dumps({**record, "event": event, **rest}).encode() + b"\n"


_PARAMS = {
    "since": ParamSpec(
        default="2026-03-01",
        description="First day to read.",
        schema={"type": "string", "format": "date"},
    ),
    "full_refresh": ParamSpec(
        default=False, description="Read everything again.", schema={"type": "boolean"}
    ),
    "batch_size": ParamSpec(
        default=500, schema={"type": "integer", "minimum": 1, "maximum": 10_000}
    ),
    "region": ParamSpec(default="eu", schema={"type": "string", "enum": ["eu", "us", "apac"]}),
}

# ---- shapes ------------------------------------------------------------------------------


def wide(dag_id: str, tasks: int, seed: int = 1) -> DagSpec:
    """Return a layered DAG of many tasks."""
    rng = random.Random(seed)
    found: list[TaskSpec] = []
    for n in range(tasks):
        ups = {rng.randrange(max(0, n - 30), n) for _ in range(rng.choice((1, 1, 2)))} if n else ()
        found.append(
            TaskSpec(
                task_id=f"step_{n:04d}",
                operator="PythonOperator",
                upstream=tuple(sorted(ups)),
            )
        )
    return DagSpec(
        dag_id=dag_id, tasks=tuple(found), schedule=CronTrigger(expressions=("@hourly",))
    )


def pipeline(dag_id: str, owner: str, tags: tuple[str, ...], schedule: ScheduleSpec) -> DagSpec:
    """Return a DAG as people write them: groups, a mapped task, a teardown."""

    def task(task_id: str, *ups: int, group: str | None = None, **more: Any) -> TaskSpec:
        base: dict[str, Any] = {
            "operator": "_PythonDecoratedOperator",
            "owner": owner,
            "retries": 1,
        }
        return TaskSpec(task_id=task_id, upstream=ups, group_id=group, **(base | more))

    mart = AssetRef(name=f"{dag_id}_mart", uri=f"s3://mart/{dag_id}")
    mapped = ExpandSpec(sources=(("part", MapLiteral(length=24)),))
    return DagSpec(
        dag_id=dag_id,
        tasks=(
            task("wait_for_upstream_export", operator="FileSensor", reschedule_mode=True),
            task("create_staging_schema", 0, is_setup=True, operator="SQLExecuteQueryOperator"),
            task("extract.list_partitions", 1, group="extract"),
            task("extract.download_partition", 2, group="extract", expand=mapped),
            task("extract.verify_checksums", 3, group="extract"),
            task("transform.deduplicate", 4, group="transform"),
            task("transform.currencies.fetch_rates", 4, group="transform.currencies"),
            task("transform.currencies.convert", 5, 6, group="transform.currencies"),
            task("transform.enrich_with_customer_attributes_from_the_crm", 7, group="transform"),
            task("quality.row_counts", 8, group="quality", pool="warehouse"),
            task("quality.null_rates", 8, group="quality", pool="warehouse"),
            task("quality.freshness", 8, group="quality", pool="warehouse"),
            task("publish", 9, 10, 11, outlets=(mart,)),
            task("notify", 12, trigger_rule=TriggerRule.ALL_DONE, operator="EmailOperator"),
            task("drop_staging_schema", 12, is_teardown=True, operator="SQLExecuteQueryOperator"),
        ),
        groups=(
            GroupSpec(group_id="extract"),
            GroupSpec(group_id="transform"),
            GroupSpec(group_id="transform.currencies", parent="transform"),
            GroupSpec(group_id="quality"),
        ),
        schedule=schedule,
        tags=tags,
        description=f"Brings {dag_id.replace('_', ' ')} into the warehouse and checks them.",
        params=_PARAMS,
    )  # fmt: skip


def busy(db: Database, logs: Path, *, dags: int = 60, now: datetime = NOW) -> Seeder:
    """Write a busy installation; return what wrote it."""
    seeder = Seeder(db, logs, now)
    rng = seeder.random
    names = [f"{verb}_{thing}" for thing in _THINGS for verb in _VERBS]
    rng.shuffle(names)
    for n, name in enumerate(names[:dags]):
        team = _TEAMS[n % len(_TEAMS)]
        cron = rng.choice(("0 * * * *", "*/15 * * * *", "0 5 * * *", "30 2 * * 1-5"))
        schedule: ScheduleSpec = (
            NoSchedule()
            if n % 9 == 8
            else CronTrigger(expressions=(cron,), timezone="Europe/Berlin")
        )
        tags = tuple(sorted({team, rng.choice(("hourly", "critical", "pii", "sla-1h"))}))
        seeder.dag(
            pipeline(name, team, tags, schedule),
            runs=25 if n < 12 else 14,
            every=timedelta(hours=1) if n % 3 else timedelta(minutes=20),
            fail=0.25 if n % 7 == 3 else 0.03,
            live=1 if n % 5 == 0 else 0,
            paused=n % 11 == 10,
            file=f"{team}/{name}.py",
        )
    return seeder


ASKING = "release_pricing_model"


def questions(seeder: Seeder) -> None:
    """Write a DAG whose tasks ask people."""
    asked = {
        "approve": Question(
            subject="Ship model 4.2 to production?",
            body="All **checks** passed on staging:\n\n* 812 tests\n* error down by `3.1 %`",
            options=("Approve", "Reject"),
        ),
        "choose_regions": Question(
            subject="Which regions first?", options=("eu", "us", "apac"), multiple=True
        ),
        "announce": Question(
            subject="What shall the announcement say?",
            options=("OK",),
            params={
                "title": {"value": "Model 4.2", "schema": {"type": "string"}},
                "percent": {"value": 10, "schema": {"type": "integer", "maximum": 100}},
            },
        ),
    }
    tasks = tuple(TaskSpec(task_id=name, operator="HITLOperator") for name in asked)
    seeder.dag(
        DagSpec(dag_id=ASKING, tasks=tasks, tags=("growth",)),
        runs=2, every=timedelta(hours=5), fail=0.0, live=1,
    )  # fmt: skip
    run_id = f"scheduled__{(seeder.now - timedelta(hours=5)).isoformat()}"
    for task_id, question in asked.items():
        seeder.question(ASKING, run_id, task_id, question)


def hostile(seeder: Seeder, text: str) -> None:
    """Write a DAG whose every text is the given one, and a log of it."""
    spec = DagSpec(
        dag_id="hostile",
        display_name=text,
        description=text,
        doc_md=text,
        tags=(text,),
        tasks=(
            TaskSpec(task_id="task", display_name=text, operator=text, owner=text, doc_md=text),
        ),
        params={"param": ParamSpec(default=text, description=text, schema={"title": text})},
    )
    seeder.dag(spec, runs=2, every=timedelta(hours=1), fail=1.0)
    with seeder.db.write() as conn:
        run = tables.dag_run
        conn.execute(run.update().where(run.c.dag_id == "hostile").values(note=text))
        run_pk = conn.execute(
            select(run.c.run_pk).where(run.c.dag_id == "hostile").limit(1)
        ).scalar_one()
        ti = tables.task_instance
        conn.execute(ti.update().where(ti.c.run_pk == run_pk).values(reason=text, state="failed"))
        run_id = conn.execute(select(run.c.run_id).where(run.c.run_pk == run_pk)).scalar_one()
        key = TiKey(run_pk, "task", -1)
        task_notes.write(conn, [key], text, actor=text, now=seeder.now)
    seeder.question(
        "hostile",
        f"scheduled__{(seeder.now - timedelta(hours=1)).isoformat()}",
        "task",
        Question(
            subject=text,
            body=f"{text}\n\n[link](javascript:hit()) **{text}**\n\n```\n{text}\n```\n\n"
            f"> [{text}]({text})\n\n| a |\n|-|\n| {text} |",
            options=(text,),
            params={text: {"value": text, "schema": {"title": text}, "description": text}},
        ),
    )
    path = seeder.log("hostile", run_id, "task", lines=2)
    with path.open("ab") as handle:
        for event in (text, f"\x1b[31m{text}\x1b]8;;javascript:hit()\x07link\x1b]8;;\x07"):
            handle.write(json.dumps({"level": text, "event": event, text: text}).encode() + b"\n")
