"""`python -m tradewind.processor`: run a DAG processor until SIGTERM or SIGINT."""

from __future__ import annotations

import os

from tradewind.config import load_config
from tradewind.log import set_up
from tradewind.processor.service import serve

if __name__ == "__main__":
    config = load_config(os.environ)
    set_up("processor")
    serve(config, os.environ)
