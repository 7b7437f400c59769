"""What remains of `airflow.utils.log`."""

from __future__ import annotations

import logging
import re

Logger = logging.Logger

_ESCAPE = re.compile(r"\x1B[@-_][0-?]*[ -/]*[@-~]")


def remove_escape_codes(text: str) -> str:
    """Return a text without the codes that colour it in a terminal."""
    return _ESCAPE.sub("", text)
