"""The deployment's secrets backend is asked first, where user code runs."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import msgspec
import pytest

from tradewind.compat.airflow.modules.secrets import BaseSecretsBackend
from tradewind.config import load_config
from tradewind.errors import DagError
from tradewind.model.defaults import DagDefaults
from tradewind.sdk import Connection, Variable, defaults, secrets_backend
from tradewind.wire.dag_defaults import dag_defaults


class Vault(BaseSecretsBackend):
    """A backend that has what its arguments say."""

    made = 0

    def __init__(self, has: dict[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        type(self).made += 1
        self.has = has

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        if key == "breaks":
            raise RuntimeError("token s.123 was refused")
        return self.has.get(key)

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        return self.has.get(conn_id)


HAS = {
    "limit": "7",
    "shop": "postgres://me:pw@db.example:5432/sales?timeout=5",
    "web": '{"conn_type": "http", "host": "h", "extra": {"token": "t"}}',
}


@pytest.fixture(autouse=True)
def _vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    module = ModuleType("company_secrets")
    module.Vault = Vault  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "company_secrets", module)
    secrets_backend.forget()
    before = defaults.current()
    use(json.dumps({"has": HAS}))
    yield
    defaults.install(before)
    secrets_backend.forget()


def use(kwargs: str, path: str = "company_secrets.Vault") -> None:
    given = msgspec.structs.replace(
        DagDefaults(), secrets_backend=path, secrets_backend_kwargs=kwargs
    )
    defaults.install(given)


def test_it_is_asked_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWIND_VAR_LIMIT", "1")
    monkeypatch.setenv("TRADEWIND_VAR_ELSEWHERE", "2")
    monkeypatch.setenv("TRADEWIND_CONN_SHOP", "http://other")
    assert (Variable.get("limit"), Variable.get("elsewhere")) == ("7", "2")
    shop, web = Connection.get("shop"), Connection.get("web")
    assert (shop.conn_type, shop.password, shop.port) == ("postgres", "pw", 5432)
    assert shop.extra_dejson == {"timeout": "5"}
    assert (web.conn_id, web.host, web.extra_dejson) == ("web", "h", {"token": "t"})


def test_it_is_made_once_in_a_process() -> None:
    before = Vault.made
    for _ in range(3):
        Variable.get("limit")
    assert Vault.made == before + 1


def test_when_it_fails_the_look_goes_on_and_its_words_are_not_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TRADEWIND_VAR_BREAKS", "from here")
    with caplog.at_level(logging.WARNING):
        assert Variable.get("breaks") == "from here"
    assert "looking for the variable 'breaks' failed (RuntimeError)" in caplog.text
    assert "s.123" not in caplog.text


@pytest.mark.parametrize(
    ("path", "kwargs", "message"),
    [
        ("company_secrets.Missing", "", "'company_secrets.Missing', which cannot be imported"),
        ("nowhere.Vault", "", "'nowhere.Vault', which cannot be imported"),
        ("company_secrets.Vault", "{}", "cannot be made with secrets.backend_kwargs: TypeError"),
        ("company_secrets.Vault", "{", "cannot be made with secrets.backend_kwargs: JSONDecode"),
    ],
)
def test_one_that_cannot_be_made_is_an_error(path: str, kwargs: str, message: str) -> None:
    use(kwargs, path)
    with pytest.raises(DagError, match=message):
        Variable.get("limit", default="x")


def test_airflows_settings_name_it(tmp_path: Any) -> None:
    env = {
        "TRADEWIND_HOME": str(tmp_path),
        "AIRFLOW__SECRETS__BACKEND": "a.B",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": '{"c": 1}',
    }
    given = dag_defaults(load_config(env))
    assert (given.secrets_backend, given.secrets_backend_kwargs) == ("a.B", '{"c": 1}')
