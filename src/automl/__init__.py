"""Automated search over Keras models, from the coordinator's side: decides, and never imports TensorFlow.

In reading order:

    entry, help    the functions that SQL calls; what they tell about themselves
    errors, database    the ground: errors; the caller's session and what its catalog says
    data           tables of rows -> packed tables, and where they lie
    models                              what can be trained, as tables
    request                             the arguments of a search, checked once and frozen
    fitting                             training configurations of one's own choice
    searching, resume                   a search; a run that was interrupted and goes on
    search         configurations, and the methods that decide what trains for how long; pure
    schedule       the ladder as a table
    plan           the trials and their orders, as data
    cluster        sessions that take an order and give an answer
    run            a search from its request to its tables
    store, past    runs, trials, metrics and checkpoints, while it goes; what they tell of one that goes on
    outputs, fitted    the tables that the caller asked for
    predict, byom, evaluate    prediction with what was found or brought along, and how good it is
    prediction, prediction_sessions, prediction_segments    how: rows to the network, or the network to the rows
    hosts          machines: what they have, what is installed
"""

__version__ = "0.1.0"
