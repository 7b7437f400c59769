"""One run of 10,000 tasks: 100 layers of 100, each task after all of the layer above."""

from tradewind.sdk import cross_downstream, dag, task

LAYERS = 100
WIDTH = 100


@dag(schedule=None, catchup=False, is_paused_upon_creation=False, max_active_tasks=64)
def layered() -> None:
    @task
    def node() -> None:
        pass

    above = []
    for layer in range(LAYERS):
        below = [node.override(task_id=f"l{layer:03d}_{i:03d}")() for i in range(WIDTH)]
        if above:
            cross_downstream(above, below)
        above = below


layered()
