"""Jinja: variables of the context, macros, filters, control structures."""
from airflow import DAG
from airflow.operators.python import PythonOperator


def same(value):
    return value


TEMPLATES = {
    "ds": "{{ ds }} {{ ds_nodash }}",
    "ts": "{{ ts }} {{ ts_nodash }} {{ ts_nodash_with_tz }}",
    "dates": "{{ logical_date }} {{ data_interval_start | ds }} {{ data_interval_end | ts }}",
    "names": "{{ dag.dag_id }} {{ task.task_id }} {{ ti.task_id }} {{ run_id }}",
    "run": "{{ dag_run.run_type }} {{ dag_run.conf.get('x', 'none') }} {{ ti.try_number }}",
    "key": "{{ task_instance_key_str }}",
    "macros": "{{ macros.ds_add(ds, 5) }} {{ macros.ds_format(ds, '%Y-%m-%d', '%d.%m.%y') }}",
    "delta": "{{ (logical_date + macros.timedelta(days=1)) | ds_nodash }}",
    "loop": "{% for i in range(3) %}{{ i }}{% endfor %}",
    "filters": "{{ [1, 2] | tojson }} {{ 'a' | upper }} {{ ds | replace('-', '/') }}",
    "pendulum": "{{ logical_date.add(days=1).to_date_string() }} {{ logical_date.day_of_week }}",
    "params": "{{ params.who }}",
}

with DAG("templates", schedule=None, params={"who": "me"}):
    for name, template in TEMPLATES.items():
        PythonOperator(task_id=name, python_callable=same, op_args=[template])

EXPECTED = {
    "templates": {
        "at": "2026-03-01T06:30:00",
        "conf": {"x": 1},
        "run": "success",
        "xcoms": {
            "ds": "2026-03-01 20260301",
            "ts": "2026-03-01T06:30:00+00:00 20260301T063000 20260301T063000+0000",
            "dates": "2026-03-01 06:30:00+00:00 2026-03-01 2026-03-01T06:30:00+00:00",
            "names": "templates names names manual__2026-03-01T06:30:00+00:00",
            "run": "DagRunType.MANUAL 1 1",
            "key": "templates__key__20260301",
            "macros": "2026-03-06 01.03.26",
            "delta": "20260302",
            "loop": "012",
            "filters": "[1, 2] A 2026/03/01",
            "pendulum": "2026-03-02 6",
            "params": "me",
        },
    }
}
