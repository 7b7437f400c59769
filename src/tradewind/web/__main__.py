"""`python -m tradewind.web`: run the web server until SIGTERM or SIGINT."""

from __future__ import annotations

import logging
import os
import sys

from tradewind.config import load_config
from tradewind.errors import TradewindError
from tradewind.log import set_up
from tradewind.web.service import listen, serve, url_of


def main() -> None:
    """Run the web server."""
    log = logging.getLogger("tradewind.web")
    try:
        config = load_config(os.environ)
        set_up("web", level=config.logging.level, json_lines=config.logging.json_logs)
        listener = listen(config)
        serve(config, listener, lambda: log.info("listening on %s", url_of(listener)))
    except TradewindError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
