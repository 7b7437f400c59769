"""KubernetesExecutor: one pod per attempt.

`naming`, `template`, `policy`, `podspec`, `answers`, `pods`, `pacing`, `ledger` and `outbox` decide
and do no I/O; `api` speaks to the API server, `desk`, `requests` and `watching` work on threads,
and `executor` puts them together behind the seam. Nothing here reads the metadata database, and
nothing is adopted after a restart: what runs is what the API server lists.
"""
