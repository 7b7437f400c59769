"""Every kind of `schedule`."""
from datetime import datetime, timedelta

from airflow import DAG
from airflow.operators.empty import EmptyOperator

for dag_id, schedule in {
    "never": None,
    "once": "@once",
    "continuous": "@continuous",
    "hourly": "@hourly",
    "daily": "@daily",
    "weekly": "@weekly",
    "monthly": "@monthly",
    "quarterly": "@quarterly",
    "yearly": "@yearly",
    "cron": "15 3 * * MON-FRI",
    "delta": timedelta(hours=4),
}.items():
    with DAG(dag_id, schedule=schedule, start_date=datetime(2024, 1, 1), max_active_runs=1):
        EmptyOperator(task_id="a")

EXPECTED = {
    "never": {"dag": {"schedule": {"type": "none"}}},
    "once": {"dag": {"schedule": {"type": "once"}}},
    "continuous": {"dag": {"schedule": {"type": "continuous"}, "max_active_runs": 1}},
    "hourly": {"dag": {"schedule": {"type": "cron", "expressions": ["0 * * * *"]}}},
    "daily": {"dag": {"schedule": {"type": "cron", "expressions": ["0 0 * * *"]}}},
    "weekly": {"dag": {"schedule": {"type": "cron", "expressions": ["0 0 * * 0"]}}},
    "monthly": {"dag": {"schedule": {"type": "cron", "expressions": ["0 0 1 * *"]}}},
    "quarterly": {"dag": {"schedule": {"type": "cron", "expressions": ["0 0 1 */3 *"]}}},
    "yearly": {"dag": {"schedule": {"type": "cron", "expressions": ["0 0 1 1 *"]}}},
    "cron": {"dag": {"schedule": {"type": "cron", "expressions": ["15 3 * * MON-FRI"]}}},
    "delta": {"dag": {"schedule": {"type": "delta", "delta": {"seconds": 14400.0}}}},
}
