"""KubernetesExecutor: one pod per attempt.

`naming`, `policy`, `podspec`, `ledger` and `outbox` decide
and do no I/O, with what `tradewind.kube` has; `desk`, `requests` and `watching` work on threads,
and `executor` puts them together behind the seam. Nothing here reads the metadata database, and
nothing is adopted after a restart: what runs is what the API server lists.
"""
