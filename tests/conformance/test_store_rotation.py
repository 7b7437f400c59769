"""Encryption keys change while others write: every value stays readable, none is lost."""

from __future__ import annotations

import threading

from tradewind.store.connect import Database
from tradewind.store.sealing import Box, new_key
from tradewind.store.secrets import Secrets


def test_keys_change_while_others_write_and_nothing_is_lost(db: Database) -> None:
    old, new = new_key(), new_key()
    both = Secrets(db, Box([new, old]), {})
    # A part that was not restarted yet: it seals with the old key and can open both.
    late = Secrets(db, Box([old, new]), {})
    names = [f"v{i}" for i in range(8)]
    for name in names:
        late.set_variable(name, "0")
    faults: list[BaseException] = []

    def write(name: str) -> None:
        try:
            for n in range(1, 6):
                (late if n % 2 else both).set_variable(name, str(n))
                assert both.get_variable(name) == str(n)
                assert late.get_variable(name) == str(n)
        except BaseException as error:  # noqa: BLE001  told by the main thread
            faults.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in names[:4]]
    for thread in threads:
        thread.start()
    for _ in range(5):
        both.rotate()
    for thread in threads:
        thread.join()
    assert faults == []
    both.rotate()
    assert both.rotate() == 0
    only_new = Secrets(db, Box([new]), {})
    assert [only_new.get_variable(name) for name in names] == ["5"] * 4 + ["0"] * 4
