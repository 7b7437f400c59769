from __future__ import annotations

from pathlib import Path

import pytest

from tradewind.config import Config, load_config
from tradewind.errors import ConfigError
from tradewind.executors.celery import settings


def config_with(home: Path, **values: str) -> Config:
    names = {
        "broker": "TRADEWIND__CELERY__BROKER_URL",
        "results": "TRADEWIND__CELERY__RESULT_BACKEND",
        "database": "TRADEWIND__DATABASE__SQL_ALCHEMY_CONN",
    }
    env = {names[key]: value for key, value in values.items()}
    return load_config({**env, "TRADEWIND_HOME": str(home)})


@pytest.mark.parametrize(
    ("url", "redis"),
    [
        ("redis://localhost:6379/0", True),
        ("rediss://u:p@h/1", True),
        ("sentinel://a:1;sentinel://b:1", True),
        ("amqp://guest:guest@h//", False),
        ("amqps://h/v", False),
    ],
)
def test_the_kind_of_a_broker(tmp_path: Path, url: str, *, redis: bool) -> None:
    assert settings.broker_of(config_with(tmp_path, broker=url)).redis is redis


@pytest.mark.parametrize("url", ["", "localhost:6379", "sqs://x", "postgresql://u:secret@h/db"])
def test_an_unknown_broker_is_named_without_its_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match=r"celery\.broker_url.*redis://host.*amqp://") as caught:
        settings.broker_of(config_with(tmp_path, broker=url))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "url"),
    [
        ({"database": "postgresql://u:p@h/d"}, "db+postgresql+psycopg://u:p@h/d"),
        ({"database": "postgresql+psycopg://u@h/d"}, "db+postgresql+psycopg://u@h/d"),
        ({"database": "sqlite:////tmp/x.db"}, None),
        ({"database": "postgresql://h/d", "results": "none"}, None),
        ({"database": "sqlite:////tmp/x.db", "results": "redis://h/1"}, "redis://h/1"),
    ],
)
def test_where_results_go(tmp_path: Path, values: dict[str, str], url: str | None) -> None:
    config = config_with(tmp_path, **values)
    assert settings.result_url(config) == url
    conf = settings.celery_conf(config)
    assert conf["task_ignore_result"] is (url is None)
    assert conf["result_backend"] == (url or "disabled")


def test_nothing_but_json_is_read(tmp_path: Path) -> None:
    conf = settings.celery_conf(config_with(tmp_path))
    assert conf["accept_content"] == conf["result_accept_content"] == ["json"]
    assert conf["task_serializer"] == conf["result_serializer"] == "json"


def test_rabbitmq_confirms_what_is_published(tmp_path: Path) -> None:
    conf = settings.celery_conf(config_with(tmp_path, broker="amqp://h//"))
    assert conf["broker_transport_options"]["confirm_publish"] is True
    assert conf["worker_disable_prefetch"] is False


def test_a_publisher_waits_for_no_longer_than_it_is_told(tmp_path: Path) -> None:
    redis = settings.broker_of(config_with(tmp_path, broker="redis://h"))
    assert settings.publisher_options(redis, 3.0)["socket_timeout"] == 3.0
    rabbit = settings.broker_of(config_with(tmp_path, broker="amqp://h"))
    options = settings.publisher_options(rabbit, 3.0)
    assert (options["read_timeout"], options["write_timeout"]) == (3.0, 3.0)


def test_priorities_grow_with_weights_and_stay_in_range(tmp_path: Path) -> None:
    rabbit = settings.broker_of(config_with(tmp_path, broker="amqp://h"))
    redis = settings.broker_of(config_with(tmp_path, broker="redis://h"))
    weights = [-5, 0, 1, 2, 3, 4, 100, 10**6, 10**30]
    levels = [settings.message_priority(rabbit, weight) for weight in weights]
    assert levels == sorted(levels)
    assert (levels[0], levels[-1]) == (0, settings.LEVELS - 1)
    assert [settings.LEVELS - 1 - settings.message_priority(redis, w) for w in weights] == levels
