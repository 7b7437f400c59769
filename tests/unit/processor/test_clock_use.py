from __future__ import annotations

import pytest

from tradewind.processor.clock_use import mentions_clock


@pytest.mark.parametrize(
    "source",
    [
        "import time\nstart = time.time()",
        "from datetime import datetime\nDAG('x', start_date=datetime.now())",
        "import pendulum\ndate = pendulum.today('UTC').add(days=-1)",
        "@dag(schedule=None)\ndef build():\n    if datetime.now().hour: pass\nbuild()",
        "class A:\n    at = datetime.utcnow()",
        "@task\ndef later(at=datetime.now()): pass",
        "import uuid\nname = uuid.uuid4().hex",
        "import random\nname = random.choice([random.random()])",
    ],
)
def test_the_clock_at_import_is_seen(source: str) -> None:
    assert mentions_clock(source.encode())


@pytest.mark.parametrize(
    "source",
    [
        "@task\ndef later():\n    return datetime.now()",
        "@task.branch(task_id='x')\ndef later():\n    return time.time()",
        "class Op(BaseOperator):\n    def execute(self, context):\n        return time.time()",
        "text = 'datetime.now() is the time'",
        "from datetime import datetime\nDAG('x', start_date=datetime(2024, 1, 1))",
        "snow = flurry.snow()",
        "def broken(:\n    time.time()",
    ],
)
def test_what_runs_later_does_not_count(source: str) -> None:
    assert not mentions_clock(source.encode())
