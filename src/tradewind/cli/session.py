"""What most commands need: the configuration and an open database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tradewind.config import Config, load_config
from tradewind.store.connect import Database, open_database
from tradewind.store.migrate import check
from tradewind.store.secrets import Secrets, configured_keys, open_secrets


def configuration() -> Config:
    """Return the configuration of this environment."""
    return load_config(os.environ)


@contextmanager
def database() -> Iterator[Database]:
    """Open the metadata database, which must be at this version's schema.

    Raises:
        ConfigError: it has no tables, or is of another version.
    """
    db = open_database(configuration().database.sql_alchemy_conn)
    try:
        check(db)
        yield db
    finally:
        db.close()


def secrets(db: Database) -> Secrets:
    """Return variables and connections."""
    config = configuration()
    return open_secrets(db, configured_keys(config), os.environ)
