"""One task whose first line writes down the time."""

import os
import time

from tradewind.sdk import dag, task


@dag(schedule=None, catchup=False, is_paused_upon_creation=False)
def latency() -> None:
    @task
    def first_line() -> None:
        now = time.time()
        witness = os.open(os.environ["BENCH_WITNESS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(witness, f"{now!r}\n".encode())

    first_line()


latency()
