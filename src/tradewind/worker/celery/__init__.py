"""A Celery worker that runs attempts with the same worker runtime as the LocalExecutor.

Two processes: a consumer, which is Celery's worker and takes messages from the broker, and a
supervisor, which claims, runs and reports attempts through an API server. The consumer hands each
message's ticket to the supervisor and hears when that attempt is over. User code never runs in
the consumer, which may hold the result backend's credentials; the supervisor has none.
"""
