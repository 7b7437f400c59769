"""BashOperator: env, append_env, cwd, exit codes that skip, the last line is the XCom."""
from airflow import DAG
from airflow.operators.bash import BashOperator

with DAG("bash", schedule=None):
    BashOperator(task_id="last_line", bash_command="echo one; echo two")
    BashOperator(task_id="env", bash_command="echo $WHO", env={"WHO": "{{ dag.dag_id }}"})
    BashOperator(
        task_id="append", bash_command="test -n \"$PATH\" && echo $X", env={"X": "1"}, append_env=True
    )
    BashOperator(task_id="cwd", bash_command="pwd", cwd="/")
    BashOperator(task_id="skips", bash_command="exit 99")
    BashOperator(task_id="skips_too", bash_command="exit 7", skip_on_exit_code=[7, 8])
    BashOperator(task_id="fails", bash_command="exit 3")
    BashOperator(
        task_id="processed", bash_command="echo '{\"a\": 1}'", output_processor=lambda s: s.upper()
    )

EXPECTED = {
    "bash": {
        "run": "failed",
        "states": {"skips": "skipped", "skips_too": "skipped", "fails": "failed"},
        "xcoms": {
            "last_line": "two",
            "env": "bash",
            "append": "1",
            "cwd": "/",
            "processed": '{"A": 1}',
        },
    }
}
