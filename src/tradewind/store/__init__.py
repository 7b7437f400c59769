"""The metadata DB: SQL only. Rows die here; values leave.

`connect.py` opens a `Database`; `tables.py` is the schema; `apply.py` is the one writer of run
and task state; `read/` has one file per reader; `attempts.py`, `leases.py`, `inbox.py`,
`catalog.py`, `secrets.py` and `xcoms.py` each own their tables.
"""
