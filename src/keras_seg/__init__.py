"""The segment side of keras_automl: trains, evaluates and predicts where the rows are; knows nothing of brackets or SQL text.

In reading order:

    transition    the entry points that SQL calls; an order in, a report and a state out
    state         what hops: weights, optimizer variables, generator states, as bytes
    trainer       compiled training, evaluation and prediction
    compiling     compile parameters -> Keras' optimizer, loss and metrics
    architecture  architecture JSON of any Keras generation -> a model
    data          the bytes of a packed table -> tensors
    cache         what a session keeps in GD
    runtime       TensorFlow inside a database backend
"""
