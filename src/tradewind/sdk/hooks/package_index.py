"""PackageIndexHook: an index of Python packages, from a connection."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tradewind.errors import DagError
from tradewind.sdk.hooks.base import BaseHook

_PATIENCE_S = 10.0


class PackageIndexHook(BaseHook):
    """An index of packages.

    Args:
        pi_conn_id: a connection of type `package_index`: its host is the index's URL.
    """

    conn_name_attr = "pi_conn_id"
    default_conn_name = "package_index_default"
    conn_type = "package_index"
    hook_name = "Package Index (Python)"

    def __init__(self, pi_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pi_conn_id = pi_conn_id

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return how the standard fields of the connection's form are shown."""
        return {
            "hidden_fields": ["schema", "port", "extra"],
            "relabeling": {"host": "Package Index URL"},
            "placeholders": {
                "host": "https://my-package-mirror.net/pypi/repo-name/simple",
                "login": "Username for package index",
                "password": "Password for package index (will be masked)",
            },
        }

    def get_conn(self) -> str:
        """Return the index's URL with who logs in."""
        return self.get_connection_url()

    def get_connection_url(self) -> str:
        """Return the index's URL with who logs in.

        Raises:
            DagError: the connection has no host.
        """
        conn = self.get_connection(self.pi_conn_id)
        if not conn.host:
            raise DagError(
                f"the connection {self.pi_conn_id!r} has no host: give it the URL of the index"
            )
        scheme, separator, rest = conn.host.partition("://")
        if not separator or not (conn.login or conn.password):
            return conn.host
        login = quote(conn.login or "", safe="")
        return f"{scheme}://{login}:{quote(conn.password or '', safe='')}@{rest}"

    def test_connection(self) -> tuple[bool, str]:
        """Look whether the index answers."""
        from urllib import request  # noqa: PLC0415  30 ms, seldom needed

        conn = self.get_connection(self.pi_conn_id)
        logins = request.HTTPPasswordMgrWithDefaultRealm()
        if conn.login and conn.host:
            logins.add_password(None, conn.host, conn.login, conn.password or "")
        opener = request.build_opener(request.HTTPBasicAuthHandler(logins))
        try:
            with opener.open(str(conn.host), timeout=_PATIENCE_S):
                return True, f"{conn.host} answers"
        except (ValueError, OSError) as error:
            return False, f"{conn.host} does not answer: {error}"
