"""The segment side of keras_automl: trains, evaluates and predicts where the rows are; knows nothing of brackets or SQL text.

In reading order:

    transition    the entry points that SQL calls; an order in, a report and a state out
    cache         what a session keeps in GD
    state         what hops: weights, optimizer variables, generator states, as bytes
    parts         large states in parts, a statement each
    trainer       compiled training, evaluation and prediction
    compiling     compile parameters -> Keras' optimizer
    objectives    names -> Keras' losses and metrics
    vocabulary    what Keras calls its losses and metrics, without importing it
    custom        losses and metrics of one's own: what is trusted, and opening it
    choice        what of a network's outputs goes into a table
    gathering     rows that come to a network one by one
    board         what TensorBoard is told
    folders       writing below one directory and nowhere else
    architecture  architecture JSON of any Keras generation -> a model; weights <-> bytes
    catalogue     what of Keras an architecture may name
    conversion    the JSON of Keras 1, 2 and 3 -> one form, which Keras 3 deserialises
    seeding       a seed for everything random in a model, by its position
    data          the bytes of a packed table -> tensors
    wire          rows on their way into a packed table
    runtime       TensorFlow inside a database backend
    devices       the GPUs of this host
    interrupts    a cancellation that comes at any moment, in Greenplum
    inspection    what a session finds where it runs
    failure       errors with SQLSTATE and hint
"""
