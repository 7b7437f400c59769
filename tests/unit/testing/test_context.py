"""The template context: every variable, macro and filter of Airflow's template reference."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tradewind.sdk import DAG, BaseNotifier, BaseOperator, BashOperator, get_current_context, task
from tradewind.sdk.moments import moment
from tradewind.testing import FakeClock, MemoryStore, run_dag

AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
STORE = {"colour": "blue", "nested": {"a": 1}}

RENDERED: dict[str, str] = {
    "{{ ds }}": "2026-03-01",
    "{{ ds_nodash }}": "20260301",
    "{{ ts }}": "2026-03-01T12:30:00+00:00",
    "{{ ts_nodash }}": "20260301T123000",
    "{{ ts_nodash_with_tz }}": "20260301T123000+0000",
    "{{ logical_date }}": "2026-03-01 12:30:00+00:00",
    "{{ logical_date.add(days=1) | ds }}": "2026-03-02",
    "{{ logical_date | ds_nodash }} {{ logical_date | ts }}": "20260301 2026-03-01T12:30:00+00:00",
    "{{ logical_date | ts_nodash }}": "20260301T123000",
    "{{ logical_date | ts_nodash_with_tz }}": "20260301T123000+0000",
    "{{ data_interval_start }}": "2026-03-01 12:30:00+00:00",
    "{{ data_interval_end }}": "2026-03-01 12:30:00+00:00",
    "{{ prev_data_interval_start_success }} {{ prev_start_date_success }}": "None None",
    "{{ dag.dag_id }} {{ task.task_id }} {{ ti.task_id }} {{ task_instance.dag_id }}": "d t t d",
    "{{ run_id }} {{ dag_run.run_id }}": " ".join(["manual__2026-03-01T12:30:00+00:00"] * 2),
    "{{ dag_run.run_type }} {{ dag_run.note }}": "DagRunType.MANUAL None",
    "{{ dag_run.conf.extra }} {{ dag_run.conf['extra'] }}": "more more",
    "{{ params.n }} {{ params['n'] }} {{ params.extra }}": "7 7 more",
    "{{ var.value.colour }} {{ var.value.get('no', 'red') }}": "blue red",
    "{{ var.json.nested.a }} {{ var.json.get('no', {'b': 2}).b }}": "1 2",
    "{{ conn.db.host }}:{{ conn.db.port }} {{ conn.get('no', 'none') }}": "host:5432 none",
    "{{ ti.try_number }} {{ try_number }} {{ ti.max_tries }} {{ ti.map_index }}": "1 1 0 -1",
    "{{ task_instance_key_str }}": "d__t__20260301",
    "{{ task_reschedule_count }} {{ test_mode }}": "0 False",
    "{{ map_index_template }} {{ expanded_ti_count }}": "None None",
    "{{ inlets }} {{ outlets }} {{ triggering_asset_events | length }}": "[] [] 0",
    "{{ partition_key }} {{ partition_date }}": "None None",
    "{{ macros.ds_add(ds, 5) }} {{ macros.ds_add('2026-03-01', -1) }}": "2026-03-06 2026-02-28",
    "{{ macros.ds_format(ds, '%Y-%m-%d', '%d/%m/%y') }}": "01/03/26",
    "{{ macros.datetime(2026, 1, 2).day }} {{ macros.timedelta(days=2).days }}": "2 2",
    "{{ macros.json.dumps({'a': 1}) }} {{ macros.uuid.UUID(int=1) }}": '{"a": 1} '
    "00000000-0000-0000-0000-000000000001",
    "{{ macros.dateutil.parser.parse('2026-05-06').month }}": "5",
    "{{ macros.yaml.safe_load('a: 3').a }} {{ 0 <= macros.random() < 1 }}": "3 True",
    "{{ {'b': 1} | tojson }}": '{"b": 1}',
    "{{ greet('you') }} {{ 'x' | shout }}": "hello you X!",
    "{% for i in range(3) %}{{ i }}{% endfor %}": "012",
    "{% set xs = [] %}{% do xs.append(4) %}{{ xs }}": "[4]",
    "{{ ti.xcom_pull(task_ids='first') }} {{ ti.xcom_pull('first', key='other') }}": "5 six",
    "{{ ti.xcom_pull(task_ids='nobody', default=5) }}": "None",
}


class Echo(BaseOperator):
    template_fields = ("text",)

    def __init__(self, *, text: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text = text

    def execute(self, context: Any) -> Any:
        return self.text


def store() -> MemoryStore:
    return MemoryStore(STORE, {"db": "postgres://u:p@host:5432/s"})


def dag_of(text: Any, **kwargs: Any) -> DAG:
    kwargs.setdefault("user_defined_macros", {"greet": lambda name: f"hello {name}"})
    kwargs.setdefault("user_defined_filters", {"shout": lambda text: text.upper() + "!"})
    with DAG("d", params={"n": 7}, **kwargs) as dag:

        @task
        def first(ti: Any = None) -> int:
            ti.xcom_push("other", "six")
            return 5

        first() >> Echo(task_id="t", text=text)
    return dag


def rendered(text: Any, logical_date: datetime | None = AT, **kwargs: Any) -> Any:
    finished = run_dag(
        dag_of(text, **kwargs),
        logical_date=logical_date,
        run_conf={"extra": "more"},
        store=store(),
        clock=FakeClock(),
    )
    ti = finished.get_task_instance("t")
    assert ti is not None
    assert ti.state == "success", ti.reason
    return ti.xcom_pull()


def test_every_variable_macro_and_filter() -> None:
    # One run: a list is rendered item by item.
    found = dict(zip(RENDERED, rendered(list(RENDERED)), strict=True))
    assert found == RENDERED


def test_nested_values_are_rendered_and_native_objects_keep_their_types() -> None:
    value = {"a": ["{{ params.n }}", ("{{ ds }}", 3)], "b": {"{{ not_a_key }}": "{{ 1 + 1 }}"}}
    assert rendered(value) == {
        "a": ["7", ("2026-03-01", 3)],
        "b": {"{{ not_a_key }}": "2"},
    }
    assert rendered("{{ params.n }}", render_template_as_native_obj=True) == 7
    assert rendered("{{ var.json.nested }}", render_template_as_native_obj=True) == {"a": 1}


@pytest.mark.parametrize("name", ["ds", "ts", "logical_date", "data_interval_start"])
def test_a_run_without_a_logical_date_has_no_dates(name: str) -> None:
    finished = run_dag(dag_of(f"{{{{ {name} }}}}"), logical_date=None, clock=FakeClock())
    failed = finished.get_task_instance("t")
    assert failed is not None
    assert failed.state == "failed"
    assert f"'{name}' is undefined" in str(failed.reason)


def test_without_a_logical_date_the_key_ends_in_the_run_id() -> None:
    assert rendered("{{ task_instance_key_str }}", None).startswith("d__t__manual__2026-01-01")


def test_what_a_function_names_is_given_to_it() -> None:
    with DAG("d") as dag:

        @task
        def named(ds: Any = None, ti: Any = None, *, params: Any, run_id: str = "") -> list[Any]:
            return [ds, ti.task_id, params, run_id]

        @task
        def everything(**context: Any) -> list[Any]:
            assert get_current_context()["run_id"] == context["run_id"]
            assert context["logical_date"] == moment(AT)
            return sorted(context)

        named(), everything()
    finished = run_dag(dag, logical_date=AT, clock=FakeClock(), run_conf={"k": 1})
    assert finished.xcom("named") == ["2026-03-01", "named", {"k": 1}, finished.run_id]
    missing = {
        "conn", "dag", "dag_run", "data_interval_end", "data_interval_start", "ds", "ds_nodash",
        "inlet_events", "inlets", "logical_date", "macros", "map_index_template", "outlet_events",
        "outlets", "params", "prev_data_interval_end_success", "prev_data_interval_start_success",
        "prev_end_date_success", "prev_start_date_success", "run_id", "task", "task_instance",
        "task_instance_key_str", "task_reschedule_count", "templates_dict", "test_mode", "ti",
        "triggering_asset_events", "ts", "ts_nodash", "ts_nodash_with_tz", "var",
    } - set(finished.xcom("everything"))  # fmt: skip
    assert missing == set()


def test_an_undefined_name_is_named() -> None:
    with DAG("d") as dag:
        BashOperator(task_id="t", bash_command="echo {{ nothing.here }}")
    failed = run_dag(dag, clock=FakeClock()).get_task_instance("t")
    assert failed is not None
    assert "'nothing' is undefined" in str(failed.reason)


def test_a_map_index_gets_its_label() -> None:
    with DAG("d") as dag:

        @task(map_index_template="{{ colour }} of {{ task.task_id }}")
        def each(x: str) -> None:
            get_current_context()["colour"] = x

        each.expand(x=["red", "blue"])
    finished = run_dag(dag, clock=FakeClock())
    labels = [ti.rendered_map_index for ti in finished.task_instances]
    assert labels == ["red of each", "blue of each"]


def test_a_notifier_is_a_callback_whose_fields_are_rendered() -> None:
    told: list[str] = []

    class Tell(BaseNotifier):
        template_fields = ("text",)

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

        def notify(self, context: Any) -> None:
            told.append(f"{self.text} ({context['ti'].state})")

    class Later(Tell):
        notify = BaseNotifier.notify

        async def async_notify(self, context: Any) -> None:
            told.append(f"async {self.text}")

    with DAG("d", on_success_callback=Later("{{ dag.dag_id }} {{ greet }}"),
             user_defined_macros={"greet": "hi"}) as dag:  # fmt: skip
        for name in ("a", "b"):
            BashOperator(
                task_id=name,
                bash_command="true",
                on_success_callback=[Tell("{{ ti.task_id }} {{ ds }}")],
            )
    tell = dag.get_task("a").on_success_callback[0]
    assert isinstance(tell, Tell)
    run_dag(dag, clock=FakeClock(), logical_date=AT)
    assert sorted(told) == ["a 2026-03-01 (success)", "async d hi", "b 2026-03-01 (success)"]
    assert tell.text == "{{ ti.task_id }} {{ ds }}"
    with pytest.raises(NotImplementedError, match="has no notify"):
        BaseNotifier()({})
