"""The pure heart: what should happen next, computed from values and a time.

    machine   the tables of legal moves, and the diagrams drawn from them
    graph     a DAG version as integers, shared by all of its runs
    rules     trigger rules over counts of upstream states
    live      one run in memory: task instances, and what each group of them waits for
    expand    dynamic mapping: how long, which instances, in which order
    settle    one attempt's outcome → a state, a time, a reason
    draft     a decision in the making: moves that keep the counts right
    step      events in, `Step` out: the one way in which a run changes
    ending    how a run ends: leaves, fail-fast, time-outs
    past      what the previous run lets this one do
    admit     which ready tasks get a slot, across runs
    runs      which queued runs may start
    assets    which asset-scheduled DAGs run, and which events they consume
    explain   why a task does not run, as data
    plan      which task instances a clear or a mark means

Nothing here reads a clock, a database, a setting or a file; nothing logs. `now`, the previous
run and the limits are arguments; waiting is a return value (`Step.wake_at`).
"""
