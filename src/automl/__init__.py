"""Automated search over Keras models, from the coordinator's side: decides, and never imports TensorFlow.

The rooms, in reading order; a room imports from those above it, never from those below:

    errors         the ground: errors by who must act
    database       the caller's session, and what its catalog says
    search         what is tried, and for how long; pure
    hosts          machines: what they have, what is installed
    models         what can be trained, as tables
    data           rows to packed tables, and where they lie
    cluster        sessions that take an order and give an answer
    training       a search from its request to its tables
    prediction     what was trained, used
    files          models as files, out and in
    columns        from the columns of a table to a model
    help, entry    every SQL function by its SQL name; the reference as text
"""

__version__ = "0.2.0"
