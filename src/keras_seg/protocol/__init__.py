"""What both sides know, without TensorFlow.

In reading order:

    messages            dataclasses that travel as JSON, read strictly
    definitions         architectures by their keys
    orders              all that the coordinator says to a session, and what it hears
    file_orders         likewise, of models as files
    hosts               what a place says about itself
    variables           what one row of a packed table consists of
    estimates           what training takes of memory, at least
    limits              bounds that both sides keep
    spelling            what somebody may have meant who wrote a name that is not known
    state               the state of a trial as bytes, and back
    parts               a large state in parts, and the envelope of a report
    architecture_files  the architecture in files that hold more
    array_bytes         rows on their way into a packed table, from PostgreSQL's arrays
    outputs             which outputs of a network fit which labels
    members             networks of members, each trained on a loss of its own
    predictions         what of a network's outputs goes into a table
    answers             a model that answers for one row, as one value
    latest              what was used last, within bounds
    keras_names         what Keras calls its own losses and metrics
    objectives          losses and metrics as they are written
    sqlstates           the SQLSTATEs of errors
    roles               what one role is to another, as SQL
    custom_functions    what of a table of custom functions is trusted, and opening it
"""
