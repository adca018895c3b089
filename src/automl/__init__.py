"""Automated search over Keras models, from the coordinator's side: decides, and never imports TensorFlow.

In reading order:

    entry, help    the functions that SQL calls; what they tell about themselves
    errors, database    the ground: errors; the caller's session and what its catalog says
    data           tables of rows -> packed tables, and where they lie
    models                              what can be trained, as tables
    search         configurations, and the methods that decide what trains for how long; pure
    cluster        sessions that take an order and give an answer
    training       a search from its request to its tables
    prediction     what was trained, used
    hosts          machines: what they have, what is installed
"""

__version__ = "0.1.0"
