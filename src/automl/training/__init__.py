"""A search from its request to its tables.

In reading order:

    request        what is to be trained: arguments checked once, then frozen
    readable       what can be said against arguments before there are tables
    folds          whether rows can be divided into as many parts as are to be held out
    row_check      whether networks fit the rows, as far as that is plain
    search, fit    madlib_keras_automl; configurations that are given
    resume, stop   a run that was interrupted and goes on; one in another session ends
    repeat         a run that is made once more, and compared
    planning       what a search would run, and what it would take
    forecast       going through a plan on sessions that are numbers
    writings       what its record would write of states
    timing         what visits take, measured
    plan_rows      what is told of both, each figure with its range
    estimates      what was planned of a call, for its record
    schedule       the ladder of Hyperband as a table
    trials         the trials and their orders, as data
    curves         losses and metrics of a trial, and which of two is better
    run            brings all together: hands out visits, takes reports, asks the scheduler
    caveats        rankings that say little, and what is said of them
    progress       what is said while it goes
    standing       how far it is, for whoever watches it
    check          whether what is asked for can be built and compiled, and has room in memory
    memory         the error that says that it has none
    under_way      what a run knows of its trials
    decided        what of that counts, and what has ended the run
    replay         what a run that goes on need not do again
    history        what its record tells
    rows           the columns of the record, as fields
    statements     its statements, made of them
    record         runs, trials, metrics and checkpoints, while a run goes
    recording      what it has of the run as a whole
    states         the states of trials that rest
    results        what became of the trials
    bits           the same as one text, that tells whether two runs did the same
    columns        what the tables that the caller asked for are made of
    search_tables, fit_tables    these tables
"""
