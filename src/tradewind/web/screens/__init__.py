"""What the web UI's screens read: private to the UI, and free to change with it.

`ENDPOINTS` is the screens' part of the route table.
"""

from __future__ import annotations

from tradewind.web.endpoint import Endpoint

ENDPOINTS: list[Endpoint] = []
