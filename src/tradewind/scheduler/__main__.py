"""`python -m tradewind.scheduler`: run a scheduler until SIGTERM or SIGINT."""

from __future__ import annotations

import os

from tradewind.config import load_config
from tradewind.log import set_up
from tradewind.scheduler.service import serve

if __name__ == "__main__":
    config = load_config(os.environ)
    set_up("scheduler")
    serve(config)
