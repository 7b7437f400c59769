"""The parameters of a @dag function are params; conf sets them; a required one must be given."""
from airflow.sdk import Param, dag, task


@dag(schedule=None, params={"limit": Param(10, type="integer", minimum=1), "name": "x"})
def parameters(n: int = 2):
    @task
    def use(n, params=None):
        return [n, params["limit"], params["name"], params["n"]]

    use(n)


@dag(schedule=None)
def required(who):
    @task
    def use(who):
        return who

    use(who)


parameters()
required()

EXPECTED = {
    "parameters": {
        "conf": {"n": 5, "limit": 3, "undeclared": True},
        "run": "success",
        "xcoms": {"use": [5, 3, "x", 5]},
    },
    "required": {"conf": {"who": "me"}, "run": "success", "xcoms": {"use": "me"}},
}
