"""The tables about people: accounts, their sessions, what they wrote and was answered to them.

A part of the schema in `tables`, to which the same rules apply.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, Table, Text

from tradewind.store.column_types import Key, UtcTime
from tradewind.store.schema import metadata

# password_hash is null for an account that cannot sign in with one; all_dags: no list of DAGs
# limits the account.
account = Table(
    "account",
    metadata,
    Column("username", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("email", Text),
    Column("password_hash", Text),
    Column("active", Boolean, nullable=False),
    Column("all_dags", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("signed_in_at", UtcTime),
)

# Whose an account is at an identity provider: names there change hands, subjects do not.
account_identity = Table(
    "account_identity",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("username", Text, nullable=False),
    Index("ix_account_identity_username", "username"),
    sqlite_with_rowid=False,
)

account_dag = Table(
    "account_dag",
    metadata,
    Column("username", Text, primary_key=True),
    Column("dag_id", Text, primary_key=True),
    Column("may_edit", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

# session_id: the hash of a browser's secret, or the id of an API token; what is not in here
# opens nothing.
account_session = Table(
    "account_session",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("username", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("address", Text),
    Index("ix_account_session_username", "username"),
)

sign_in_failure = Table(
    "sign_in_failure",
    metadata,
    Column("seq", Key, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("username", Text, nullable=False),
    Column("address", Text, nullable=False),
    Index("ix_sign_in_failure_username_at", "username", "at"),
    Index("ix_sign_in_failure_address_at", "address", "at"),
)

# What was answered to a request that names itself. request_id: the hash of who asked for what
# under which key; digest: of what exactly was asked; answer: sealed; null while it is made.
kept_answer = Table(
    "kept_answer",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("answer", LargeBinary),
    Index("ix_kept_answer_at", "at"),
)

# What people wrote to a task instance. A table of its own: a task instance has one writer.
task_note = Table(
    "task_note",
    metadata,
    Column("run_pk", Key, primary_key=True, autoincrement=False),
    Column("task_id", Text, primary_key=True),
    Column("map_index", Integer, primary_key=True),
    Column("note", Text, nullable=False),
    Column("username", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)

favorite_dag = Table(
    "favorite_dag",
    metadata,
    Column("username", Text, primary_key=True),
    Column("dag_id", Text, primary_key=True),
    sqlite_with_rowid=False,
)

# Tests of connections that people wait for. works: null while it is tried.
connection_test = Table(
    "connection_test",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("conn_id", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("works", Boolean),
    Column("message", Text),
)
