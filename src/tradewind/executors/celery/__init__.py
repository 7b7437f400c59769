"""CeleryExecutor: tasks on any number of machines, through Redis or RabbitMQ.

    scheduler → executor → broker → a Celery worker → an API server → the metadata database
                                         └→ the result backend → executor, as evidence

A message has an attempt id and the token that claims it, nothing to execute. Whatever a broker
does with it is harmless: a lost message is sent again, a repeated one is refused at the claim,
and none is the truth about an attempt. See `executor` for the scheduler's side and
`tradewind.worker.celery` for the workers'.
"""
