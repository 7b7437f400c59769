"""Logs go to object storage when their attempt is over, and are read from there."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from tests.unit.actions.catalog import NOW
from tests.unit.web.history import History
from tests.unit.web.world import Client, World
from tradewind.model.account import Role
from tradewind.store.connect import Database
from tradewind.web.log_archiving import DELETE_AFTER_S, QUIET_S, LogArchiving, archiving_of
from tradewind.web.site import Site
from tradewind.wire import logs

TASK = "/api/v2/dags/etl/dagRuns/r1/taskInstances/b"


class Server:
    """A server whose logs go to a storage, with a run that has failed and one log of it."""

    def __init__(self, db: Database, home: Path, storage: str, **settings: str) -> None:
        self.world = World(
            db,
            home,
            logging__remote_logging="true",
            logging__remote_base_log_folder=storage,
            **settings,
        )
        self.site: Site = self.world.app.state.site
        self.root = self.site.config.logging.base_log_folder
        self.folder = logs.instance_folder(self.root, "etl", "r1", "b")
        self.log = logs.segment_path(self.folder, 1, 1)

    def archiving(self) -> LogArchiving:
        made = archiving_of(self.site)
        assert made is not None
        return made

    def write(self, path: Path, text: str, *, quiet_s: float) -> None:
        logs.append(self.root, path, text, NOW)
        at = self.world.clock.now().timestamp() - quiet_s
        os.utime(path, (at, at))

    def files(self) -> list[str]:
        return sorted(path.name for path, _ in logs.every_file(self.root))

    def shown(self, person: Client) -> list[str]:
        answer = person.get(f"{TASK}/logs/1")
        assert answer.status == 200, answer.text
        return [line["event"] for line in answer.json["content"]]


@pytest.fixture
def storage() -> str:
    return f"memory://{uuid.uuid4().hex}"


@pytest.fixture
def server(lite: Database, tmp_path: Path, storage: str) -> Server:
    return Server(lite, tmp_path / "one", storage, logging__delete_local_logs="true")


def test_a_log_is_copied_deleted_and_read_again(
    server: Server, lite: Database, tmp_path: Path, storage: str
) -> None:
    History(server.world)
    server.write(server.log, "hello", quiet_s=QUIET_S + 60)
    archiving = server.archiving()
    archiving.look()
    assert server.files() == [".1.archived", "1.jsonl"]
    archiving.look()  # not yet: somebody may still have something to say
    assert "1.jsonl" in server.files()

    old = server.world.clock.now().timestamp() - DELETE_AFTER_S - 60
    os.utime(server.log, (old, old))
    archiving.look()
    assert server.files() == []
    ada = server.world.person("ada", Role.ADMIN)
    assert server.shown(ada) == ["hello"]
    assert ada.get("/health").json["log_storage"] == {"status": "healthy", "trouble": None}

    other = Server(lite, tmp_path / "two", storage)
    page = other.world.person("eve", Role.ADMIN).get("/ui/log?dag=etl&run=r1&task=b")
    assert "hello" in page.text


def test_what_may_still_grow_stays(server: Server) -> None:
    past = History(server.world)
    run = past.runs["etl"]
    leader = past.leader
    running = leader.claim(leader.queue(leader.create(run, "m", map_index=7)))
    folder = logs.instance_folder(server.root, "etl", "r1", "m", 7)
    log = logs.segment_path(folder, running.try_number, running.fence)
    server.write(log, "at work", quiet_s=DELETE_AFTER_S * 2)
    server.write(server.log, "just now", quiet_s=QUIET_S - 4)
    server.archiving().look()
    assert ".1.archived" not in server.files()
    assert not log.with_name(f".{log.stem}.archived").exists()
    leader.finish(running)
    server.archiving().look()
    assert log.with_name(f".{log.stem}.archived").exists()


def test_a_storage_that_is_away_is_told_and_tried_again(
    lite: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "place"
    place.write_text("in the way")
    server = Server(lite, tmp_path / "one", f"file://{place}/logs")
    History(server.world)
    server.write(server.log, "hello", quiet_s=QUIET_S + 60)
    archiving = server.archiving()
    archiving.look()
    archiving.look()
    assert [r.message.count("cannot be used") for r in caplog.records] == [1]
    told = server.world.person("vic", Role.VIEWER).get("/health").json["log_storage"]
    assert told["status"] == "unhealthy"
    assert "NotADirectoryError" in told["trouble"]
    assert server.world.anybody().get("/health").json["log_storage"] == {"status": "unhealthy"}
    place.unlink()
    archiving.look()
    assert list(place.rglob("1.jsonl"))
    assert server.world.anybody().get("/health").json["log_storage"]["status"] == "healthy"
