"""A search from its request to its tables.

In reading order:

    request        what is to be trained: arguments checked once, then frozen
    search, fit    madlib_keras_automl; configurations that are given
    resume         a run that was interrupted and goes on
    schedule       the ladder of Hyperband as a table
    trials         the trials and their orders, as data
    run            brings these together: hands out visits, takes reports, asks the scheduler
    record         runs, trials, metrics and checkpoints, while it goes
    history        what they tell of a run that goes on
    search_tables, fit_tables    the tables that the caller asked for
"""
