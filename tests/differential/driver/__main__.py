"""Answer questions about DAG files from Apache Airflow itself, as JSON lines.

Runs in the Python of Airflow's own environment, with an AIRFLOW_HOME of its own, and stays: to
import Airflow takes seconds. One request a line on standard input, one answer a line on standard
output; what Airflow prints goes to standard error. A request's "do" names the function.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from typing import Any

import calendars
import decisions
import running

ACTIONS = {
    "upcoming": calendars.upcoming,
    "manual_intervals": calendars.manual_intervals,
    "decide": decisions.decide,
    "run": running.run,
    "keep": running.keep,
}


def main() -> None:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    logging.disable(logging.WARNING)
    print(json.dumps({"ready": calendars.version()}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line)), default=str), file=answers, flush=True)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return what one request asks for, or the error."""
    action = ACTIONS[request.pop("do")]
    try:
        return {"answer": action(**request)}
    except Exception as error:  # noqa: BLE001 - the test judges it
        return {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}


if __name__ == "__main__":
    main()
