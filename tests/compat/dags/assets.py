"""Assets: outlets, events with extra, aliases, inlets, schedules of conditions."""
from airflow.sdk import DAG, Asset, AssetAlias, AssetOrTimeSchedule, CronTriggerTimetable, Metadata, task
from airflow.providers.standard.operators.bash import BashOperator

orders = Asset(name="orders", uri="s3://b/orders")
users = Asset("users")
alias = AssetAlias("anything")

with DAG("assets", schedule=None):

    @task(outlets=[orders])
    def extra(*, outlet_events):
        outlet_events[orders].extra = {"rows": 5}

    @task(outlets=[alias])
    def named(*, outlet_events):
        outlet_events[alias].add(users, extra={"by": "alias"})

    @task(outlets=[users])
    def yields():
        yield Metadata(users, {"rows": 6})

    @task(inlets=[orders])
    def read(*, inlet_events):
        return inlet_events[orders][-1].extra["rows"]

    extra() >> read()
    named() >> yields()

with DAG("plain", schedule=None):
    BashOperator(task_id="a", bash_command="true", outlets=[orders, users])

with DAG("all", schedule=[orders, users]):
    BashOperator(task_id="a", bash_command="true")
with DAG("any", schedule=(orders | (users & alias))):
    BashOperator(task_id="a", bash_command="true")
with DAG(
    "or_time",
    schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 1 * * *", timezone="UTC"), assets=orders),
):
    BashOperator(task_id="a", bash_command="true")

EXPECTED = {
    "assets": {
        "run": "success",
        "xcoms": {"read": 5},
    },
    "plain": {"run": "success"},
    "all": {"dag": {"schedule": {"type": "assets"}, "always_dated": False}},
    "any": {"dag": {"schedule": {"type": "assets"}}},
    "or_time": {"dag": {"schedule": {"type": "asset_or_time"}}},
}
