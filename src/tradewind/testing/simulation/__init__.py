"""Pieces of the seeded simulators: DAGs to run, invariants to check, an oracle to agree with.

One run and the engine alone:

    dags        random DAG specs with many features in few tasks
    ledger      the rows that a sequence of steps would have written, and what may never happen
    oracle      a naive full recomputation of what every task instance should be
    world       one run and its surroundings, with everything checked after each step
    acts        what can happen in it: workers, triggers, time, users, crashes
    outcomes    what attempts come to

The whole scheduler over a real database:

    faults      what goes wrong at the scheduler's ports, drawn from named streams
    network     time, and messages on their way
    workers     hosts, triggerers and far processes that run attempts; a witness of every start
    cluster     schedulers, workers, a database and users
    checks      what must hold in the database, after each turn and at rest
    campaign    one seed: faults first, then peace and an end
"""
