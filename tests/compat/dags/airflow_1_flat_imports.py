"""Airflow 1's flat imports, apply_defaults, a hook and a sensor of its own."""
from airflow import DAG
from airflow.contrib.sensors.python_sensor import PythonSensor
from airflow.hooks.base_hook import BaseHook
from airflow.models import BaseOperator
from airflow.operators import BashOperator, PythonOperator
from airflow.operators.sensors import BaseSensorOperator
from airflow.utils.decorators import apply_defaults


class Greet(BaseOperator):
    template_fields = ("name",)
    ui_color = "#fff"

    @apply_defaults
    def __init__(self, name, greeting="Hello", *args, **kwargs):
        super(Greet, self).__init__(*args, **kwargs)
        self.name = name
        self.greeting = greeting

    def execute(self, context):
        self.log.info("greets %s", self.name)
        return "%s %s" % (self.greeting, self.name)


class Third(BaseSensorOperator):
    @apply_defaults
    def __init__(self, *args, **kwargs):
        super(Third, self).__init__(*args, **kwargs)
        self.pokes = 0

    def poke(self, context):
        self.pokes += 1
        return self.pokes == 3


class MyHook(BaseHook):
    def __init__(self, source=None):
        pass

    def get_conn(self):
        return self.get_connection("shop").host


dag = DAG("flat", schedule_interval=None, default_args={"greeting": "Hi"})
greet = Greet(task_id="greet", name="{{ dag.dag_id }}", dag=dag)
third = Third(task_id="third", poke_interval=30, dag=dag)
hook = PythonOperator(task_id="hook", python_callable=lambda: MyHook().get_conn(), dag=dag)
ready = PythonSensor(task_id="ready", python_callable=lambda: True, dag=dag)
done = BashOperator(task_id="done", bash_command="true", dag=dag)
[greet, third, hook, ready] >> done

NOTES = ["airflow.contrib.sensors.python_sensor", "airflow.hooks.base_hook"]
EXPECTED = {
    "flat": {
        "run": "success",
        "xcoms": {"greet": "Hi flat", "hook": "shop.example"},
    }
}
