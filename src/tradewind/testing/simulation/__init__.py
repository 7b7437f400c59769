"""Pieces of the seeded simulators: DAGs to run, invariants to check, an oracle to agree with.

    dags        random DAG specs with many features in few tasks
    ledger      the rows that a sequence of steps would have written, and what may never happen
    oracle      a naive full recomputation of what every task instance should be
    world       one run and its surroundings, with everything checked after each step
    acts        what can happen in it: workers, triggers, time, users, crashes
    outcomes    what attempts come to

They know the engine's values only, so that a simulator of the engine and one of the whole
scheduler check the same things.
"""
