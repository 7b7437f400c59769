"""A warm pool: pods kept ready, so that a task starts in tens of milliseconds.

`stock`, `waiting` and `leasing` decide, `pods` says what warm pods are like, `line` speaks to
them, and `keeper` puts these together for the executor. docs/decisions/0006 says why it is so.
"""
