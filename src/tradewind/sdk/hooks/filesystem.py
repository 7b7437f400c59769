"""FSHook: a folder on this machine, named by a connection."""

from __future__ import annotations

from pathlib import Path

from tradewind.sdk.exceptions import ConnectionNotFound
from tradewind.sdk.hooks.base import BaseHook


class FSHook(BaseHook):
    """A folder: the `path` in the connection's extra.

    Args:
        fs_conn_id: the connection. "fs_default" need not exist and stands for "/".
    """

    conn_name_attr = "fs_conn_id"
    default_conn_name = "fs_default"
    conn_type = "fs"
    hook_name = "File (path)"

    def __init__(self, fs_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.fs_conn_id = fs_conn_id
        try:
            extra = self.get_connection(fs_conn_id).extra_dejson
        except ConnectionNotFound:
            if fs_conn_id != self.default_conn_name:
                raise
            extra = {}
        self.basepath: str = extra.get("path") or ("/" if fs_conn_id == "fs_default" else "")

    def get_conn(self) -> None:
        """Return nothing: a folder needs no client."""

    def get_path(self) -> str:
        """Return the folder."""
        return self.basepath

    def test_connection(self) -> tuple[bool, str]:
        """Tell whether the folder is there."""
        if not self.basepath:
            return False, "the connection's extra has no path"
        if not Path(self.basepath).exists():
            return False, f"{self.basepath} does not exist"
        return True, f"{self.basepath} exists"
